"""A private PostgreSQL with PostGIS: unix socket only, own data folder, own user when run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipemap.errors import StorageError

SYSTEM_USER = "pipemap"
_BIN_PARENT = Path("/usr/lib/postgresql")
_PATIENCE_S = 60
_CONFIG = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 512MB
work_mem = 64MB
maintenance_work_mem = 512MB
max_wal_size = 4GB
wal_compression = on
random_page_cost = 1.1
jit = off
"""
# Only for throw-away servers (tests, benchmarks): a crash of the machine would lose them.
_UNSAFE_CONFIG = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@dataclass(frozen=True)
class Cluster:
    """One private server, found again by its folder."""

    data_dir: Path
    durable: bool = True

    @property
    def socket_dir(self) -> Path:
        """Folder of the unix socket."""
        return self.data_dir / "socket"

    def url(self, database: str) -> str:
        """Libpq URL of one database on this server."""
        return f"postgresql://{_owner()}@/{database}?host={self.socket_dir}"

    def is_running(self) -> bool:
        """Whether the server answers on its socket; one that still recovers from a crash counts."""
        accepting_or_starting = (0, 1)
        # Where nobody listens the answer comes at once; one that listens may be waiting for a busy disk.
        asked: list[str | Path] = ["pg_isready", "-q", "-t", str(_PATIENCE_S), "-h", self.socket_dir]
        return _run(asked, check=False).returncode in accepting_or_starting

    def start(self) -> None:
        """Create the server if it is missing and start it if it is down."""
        if not self.exists():
            self._create()
        if not self.is_running():
            log = self.data_dir / "postgresql.log"
            options = f"-k {self.socket_dir}"
            _run(["pg_ctl", "-D", self._pgdata(), "-l", log, "-o", options, "-w", "-t", str(_PATIENCE_S), "start"])

    def stop(self) -> None:
        """Stop the server; nothing is lost, unless it was a throw-away one."""
        if self.is_running():
            mode = "fast" if self.durable else "immediate"
            _run(["pg_ctl", "-D", self._pgdata(), "-m", mode, "-w", "stop"])

    def _pgdata(self) -> Path:
        return self.data_dir / "pgdata"

    def exists(self) -> bool:
        """Whether the server's data is there, made by an earlier start."""
        return (self._pgdata() / "PG_VERSION").exists() and (self._pgdata() / "pipemap.ready").exists()

    def _create(self) -> None:
        _make_system_user()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        _hand_over(self.data_dir)
        _hand_over(self.socket_dir)
        if self._pgdata().exists():
            # A server folder without its ready mark is one whose creation was interrupted.
            _run(["rm", "-rf", self._pgdata()])
        options = ["-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", _owner()]
        _run(["initdb", "-D", self._pgdata(), *options])
        with (self._pgdata() / "postgresql.conf").open("a") as config:
            config.write(_CONFIG + ("" if self.durable else _UNSAFE_CONFIG))
        ready = self._pgdata() / "pipemap.ready"
        ready.touch()
        _hand_over(ready)


def server_binaries() -> Path | None:
    """Folder of the newest installed PostgreSQL server programs, or None."""
    found = sorted(_BIN_PARENT.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _owner() -> str:
    return SYSTEM_USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def _make_system_user() -> None:
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True)


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(SYSTEM_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _run(command: list[str | Path], check: bool = True) -> subprocess.CompletedProcess[str]:
    binaries = server_binaries()
    if binaries is None:
        raise StorageError(
            "No PostgreSQL server is installed. Install Debian's postgresql-15-postgis-3, "
            "or point PIPEMAP_DATABASE_URL at a PostGIS you already run."
        )
    program = binaries / command[0]
    words = [str(program) if program.exists() else str(command[0]), *map(str, command[1:])]
    if os.geteuid() == 0:
        words = ["runuser", "-u", SYSTEM_USER, "--", *words]
    # pg_ctl hands its pipes to the server it starts, so a captured pipe would never close.
    errors = subprocess.DEVNULL if command[0] == "pg_ctl" else subprocess.PIPE
    done = subprocess.run(words, text=True, stdout=subprocess.DEVNULL, stderr=errors, cwd="/", check=False)
    if check and done.returncode != 0:
        raise StorageError(f"{command[0]} failed: {(done.stderr or 'see postgresql.log').strip()}")
    return done

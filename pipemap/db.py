"""The way to the database: one pool per process, transactions, driver errors translated once."""

from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from socket import socketpair
from typing import Any, TypeAlias

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool, PoolTimeout
from sqlalchemy import Engine, create_engine

from pipemap.cluster import Cluster
from pipemap.errors import ConflictError, PipemapError, StorageError, UnreachableError, UsageError
from pipemap.settings import Settings

Connection: TypeAlias = psycopg.Connection[DictRow]


class Database:
    """A pool of connections to one pipemap database; close it, or use it as a context manager."""

    def __init__(self, url: str, max_connections: int = 10) -> None:
        self.url = url
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=0,
            max_size=max_connections,
            open=True,
            timeout=10,
            kwargs={"row_factory": dict_row, "application_name": "pipemap"},
        )

    @contextmanager
    def transaction(self, read_only: bool = False) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error."""
        with translated_errors(), self._pool.connection() as connection:
            if not read_only:
                yield connection
                return
            # As attributes they go out with BEGIN; a statement of its own would be one more round trip.
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
            try:
                with connection.transaction():
                    yield connection
            finally:
                if not connection.closed:
                    connection.isolation_level = connection.read_only = None

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """A connection on which a statement, or a pipeline, is a transaction of its own and takes one round trip.

        What a pipeline found is fetched after it: fetching inside would be a second one.
        """
        with translated_errors(), self._pool.connection() as connection:
            connection.autocommit = True
            try:
                yield connection
            finally:
                if not connection.closed:
                    connection.autocommit = False

    @contextmanager
    def listening(self, channel: str) -> Iterator["Listener"]:
        """A connection of its own that hears what is announced on a channel, for as long as it is open."""
        with translated_errors(), psycopg.connect(self.url, autocommit=True, application_name="pipemap") as connection:
            connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
            with Listener(connection) as listener:
                yield listener

    def engine(self) -> Engine:
        """A SQLAlchemy engine on the same database, for migrations and small writes."""
        return create_engine(self.url.replace("postgresql://", "postgresql+psycopg://", 1))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Listener:
    """Waits for announcements; another thread can end the waiting."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._woken, self._waker = socketpair()

    def wait(self, timeout_s: float) -> bool:
        """Whether something was announced before the time was up or somebody called `wake`."""
        select([self._connection.fileno(), self._woken.fileno()], [], [], timeout_s)
        return any(True for _ in self._connection.notifies(timeout=0))

    def wake(self) -> None:
        """End the waiting."""
        self._waker.send(b".")

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._woken.close()
        self._waker.close()


def database_url(settings: Settings) -> str:
    """URL of the configured database; starts the private server when none is configured."""
    if settings.database_url is not None:
        return _well_formed(settings.database_url.get_secret_value())
    cluster = Cluster(settings.data_dir)
    cluster.start()
    return cluster.url(settings.database_name)


def _well_formed(url: str) -> str:
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # The driver's own words would repeat the URL, and with it a password.
        raise UsageError(
            "The setting PIPEMAP_DATABASE_URL is not a URL such as postgresql://user@host:5432/name."
        ) from error
    return url


_MEANWHILE = (
    ConflictError,
    "Somebody else changed the same at that moment, so that nothing was changed here; do it again.",
    "同一时刻他人修改了相同内容，本次操作未生效，请重试。",
)
# What stops a statement though the database is there: what it is called, in English and Chinese.
_STOPPED: dict[type[Exception], tuple[type[PipemapError], str, str]] = {
    psycopg.errors.QueryCanceled: (
        StorageError,
        "The question took too long and was stopped; ask for a smaller area.",
        "查询耗时过长，已停止；请缩小范围。",
    ),
    psycopg.errors.SerializationFailure: _MEANWHILE,
    psycopg.errors.DeadlockDetected: _MEANWHILE,
    psycopg.errors.DiskFull: (
        StorageError,
        "The disk of the database is full, so that nothing was changed; make room and do it again.",
        "数据库所在磁盘已满，本次操作未生效；请清理空间后重试。",
    ),
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's errors into StorageError, cause chained."""
    try:
        yield
    except PipemapError:
        raise
    except PoolTimeout as error:
        raise StorageError("The database does not answer. `pipemap doctor` says where it is expected.") from error
    except tuple(_STOPPED) as error:
        kind, en, zh = _STOPPED[type(error)]
        raise kind(en, message_zh=zh) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedColumn) as error:
        raise StorageError(
            "The database does not hold a map of this version of pipemap; run `pipemap init`."
        ) from error
    except psycopg.OperationalError as error:
        words = str(error).splitlines()[0].strip()
        raise UnreachableError(
            f"The database cannot be reached ({words}); `pipemap doctor` says where it is expected."
        ) from error
    except (psycopg.DataError, UnicodeEncodeError) as error:
        # The server's words would tell of its inside.
        raise UsageError("A value is not one that the map can hold.") from error
    except psycopg.Error as error:
        # An interruption amid a statement leaves the connection at work, which then refuses to be rolled back.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise StorageError(f"The database refused the work ({type(error).__name__}).") from error


def ping(url: str) -> None:
    """Connect once and leave; StorageError says why when that fails."""
    with translated_errors():
        psycopg.connect(url, connect_timeout=5).close()


def count_alone(connection: Connection, what: str) -> None:
    """Let nobody else count the same until the transaction ends: what is limited would be added by two at once."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"pipemap {what}"])


def fetch_all(connection: Connection, query: Any, params: dict[str, Any] | None = None) -> list[DictRow]:
    """Every row of one query."""
    return connection.execute(query, params).fetchall()


def fetch_one(connection: Connection, query: Any, params: dict[str, Any] | None = None) -> DictRow | None:
    """The first row of one query, or None."""
    return connection.execute(query, params).fetchone()

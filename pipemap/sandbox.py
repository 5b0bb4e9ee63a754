"""What a process gives up before it opens a file that may be hostile: the network, writing, and more than its share.

None of it needs a privilege, and none can be taken back. Programs that the process starts are held by it too. What a
kernel does not know is left out; `missing_locks` says what that is.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

NO_INTERFACE, NO_SOCKETS = "no network interface", "no sockets"
NO_PRIVILEGES, OWN_FOLDER = "no new privileges", "writing in its own folder alone"

_LIBC = ctypes.CDLL(None, use_errno=True)

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_MOST_FILES = 512

# linux/landlock.h: three calls; the rights that write, by the version that brought them.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_BIND_TCP_CONNECT_TCP, _ABSTRACT_SOCKETS_SIGNALS = 0b11, 0b11
# How many bytes of the rule set's head each version knows.
_HEAD_BYTES = ((6, 24), (4, 16), (1, 8))

# linux/filter.h and linux/seccomp.h: what a filter is made of, and the calls that lead to a network.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_SECCOMP_MODE_FILTER = 2
_FOREIGN_CALLS = 0x40000000
_IO_URING_SETUP = 425
_SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


@dataclass(frozen=True)
class Limits:
    """What a process may take: processor time, memory on top of what it was born with, and size of a file it writes."""

    cpu_s: int
    memory_bytes: int = 4 * 2**30
    file_bytes: int = 4 * 2**30

    @classmethod
    def for_reading(cls, size_bytes: int) -> "Limits":
        """Far more than any honest file of this size takes, and an end for those that have none."""
        return cls(60 + 30 * size_bytes // 2**20)


def shut_in(folder: Path, limits: Limits, keep: int) -> None:
    """Give up all but reading files and writing in `folder`.

    Of what is open only the descriptor `keep` stays: the others are turned into the empty device, so that whatever
    still holds one of them can do no harm by it.
    """
    # Programs that it starts end with it.
    os.setsid()
    _let_go_of_descriptors(keep)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    for kind, most in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_DATA, _data_bytes() + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, most)
    _lock(folder)


def missing_locks() -> list[str]:
    """What this kernel cannot take from a process; of the one that asks it takes the rest."""
    return [name for name, is_locked in _lock(Path(tempfile.gettempdir())).items() if not is_locked]


def _lock(folder: Path) -> dict[str, bool]:
    return {
        NO_INTERFACE: _without_network(),
        NO_PRIVILEGES: _prctl(_PR_SET_NO_NEW_PRIVS, 1) and _prctl(_PR_SET_DUMPABLE, 0),
        OWN_FOLDER: _writing_only(folder),
        NO_SOCKETS: _without_sockets(),
    }


def _let_go_of_descriptors(keep: int) -> None:
    empty = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number not in (keep, empty):
            try:
                os.fstat(number)
            except OSError:
                # The one through which the folder was listed.
                continue
            os.dup2(empty, number, inheritable=number < 3)
    os.close(empty)


def _data_bytes() -> int:
    """The memory of its own that the process has already."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def _lower(kind: int, most: int) -> None:
    """Lower a limit; one that is lower already stays."""
    # At the hard limit of processor time a process ends without a word why.
    wanted = zip(resource.getrlimit(kind), (most, most + 1), strict=True)
    soft, hard = (new if held == resource.RLIM_INFINITY else min(new, held) for held, new in wanted)
    resource.setrlimit(kind, (soft, hard))


def _prctl(option: int, *values: int) -> bool:
    return int(_LIBC.prctl(option, *(ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]))) == 0


def _without_network() -> bool:
    """A network of its own, in which there is none."""
    # Of root the second would take the right to read other users' files.
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
    return int(_LIBC.unshare(flags)) == 0


def _writing_only(folder: Path) -> bool:
    version = int(_LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))
    if version < 1:
        return False
    in_file = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    in_folder = in_file | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0)
    known = next(n_bytes for since, n_bytes in _HEAD_BYTES if version >= since)
    head = struct.pack("=QQQ", in_folder, _BIND_TCP_CONNECT_TCP, _ABSTRACT_SOCKETS_SIGNALS)[:known]
    rules = int(_LIBC.syscall(_CREATE_RULESET, head, ctypes.c_size_t(known), 0))
    if rules < 0:
        return False
    try:
        for path, rights in ((folder, in_folder), (Path(os.devnull), in_file)):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            failed = _LIBC.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
            os.close(place)
            if failed:
                return False
        return int(_LIBC.syscall(_RESTRICT_SELF, rules, 0)) == 0
    finally:
        os.close(rules)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _without_sockets() -> bool:
    """No socket of any kind, those to a database on this machine among them."""
    if platform.machine() not in _SOCKET_CALLS:
        return False
    machine, socket = _SOCKET_CALLS[platform.machine()]
    steps = (
        (_LOAD, 0, 0, 4),
        (_IF_EQUAL, 0, 5, machine),
        (_LOAD, 0, 0, 0),
        (_IF_AT_LEAST, 3, 0, _FOREIGN_CALLS),
        (_IF_EQUAL, 2, 0, socket),
        (_IF_EQUAL, 1, 0, _IO_URING_SETUP),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    program = _Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
    address = ctypes.c_ulong(ctypes.addressof(program))
    return int(_LIBC.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), address, 0, 0)) == 0

"""Files that are written whole or not at all: half a report looks like a whole one."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from pyogrio.errors import DataSourceError

from pipemap.errors import UsageError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file, which takes the place of the one at `path` when it is done.

    Raises
    ------
    UsageError
        When it cannot be written, for want of room for example; what was there stays.
    """
    try:
        if path.exists() and not path.is_file():
            # A device takes what it is given.
            write(path)
            return
        with TemporaryDirectory(prefix=".pipemap-", dir=path.parent) as folder:
            made = Path(folder) / path.name
            write(made)
            made.replace(path)
    except (OSError, DataSourceError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be written: {reason}.", message_zh=f"无法写入 {path}：{reason}。") from error

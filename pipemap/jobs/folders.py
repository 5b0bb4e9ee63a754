"""Folders of jobs, each named by the number of its job."""

import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

# Nothing else is ours to delete.
_JOB_FOLDER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def sweep_folders(folder: Path, kept: Collection[str], older_than_s: float = 0.0) -> None:
    """Delete the folders of jobs in a folder that nobody keeps and nobody has written to for so long."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _JOB_FOLDER.fullmatch(path.name) and path.name not in kept and _age_s(path) >= older_than_s:
            shutil.rmtree(path, ignore_errors=True)


def _age_s(path: Path) -> float:
    """Seconds since a folder was written to; none for one that is gone meanwhile."""
    try:
        return max(time.time() - path.stat().st_mtime, 0.0)
    except FileNotFoundError:
        return 0.0

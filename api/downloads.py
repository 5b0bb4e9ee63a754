"""Packages that are made for one download."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


@contextmanager
def making_one(folder: Path) -> Iterator[Path]:
    """A folder of its own to make a package in; none where that fails.

    It lies among others of its kind, where a worker deletes what a service left that was killed.
    """
    own = folder / str(uuid4())
    own.mkdir(mode=0o700, parents=True)
    try:
        yield own
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise


class OneDownload(FileResponse):
    """A zip in a folder of its own, which goes with it: also where the line breaks or the key is revoked meanwhile."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, media_type="application/zip", filename=path.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it and delete it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            shutil.rmtree(Path(self.path).parent, ignore_errors=True)

"""Packages that are made for one download."""

import shutil
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


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

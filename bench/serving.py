"""A database server of a bench's own, and keys to read from it under an agreement."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from pipemap.cluster import Cluster
from pipemap.db import Connection
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms, shareable_attributes
from schemas.codetables import code_table


@contextmanager
def own_server() -> Iterator[tuple[Cluster, Path]]:
    """A server that runs for a block, and the folder it and whatever else is written stand in; both go at its end."""
    folder = Path(tempfile.mkdtemp(prefix="pipemap-bench-"))
    folder.chmod(0o755)
    cluster = Cluster(folder / "server")
    cluster.start()
    try:
        yield cluster, folder
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def granted_key(connection: Connection, area: BaseGeometry, classes: Sequence[str] | None = None, **more: Any) -> str:
    """A key to an area: every attribute of some classes, all of them when None, for a day; `more` are further terms."""
    until, codes = datetime.now(UTC) + timedelta(days=1), tuple(classes or code_table("utility_class"))
    terms = Terms("bench", "bench", area, codes, shareable_attributes(), until, **more)
    return agreements.issue_key(connection, agreements.agree(connection, terms, "bench"), "bench")

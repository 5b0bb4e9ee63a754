"""What every command begins with: settings from the environment and an open database."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipemap.db import Database, database_url, ping
from pipemap.settings import Settings


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[Database]:
    """The configured database, closed at the end; StorageError at once when it is not there."""
    url = database_url(settings or Settings())
    ping(url)
    with Database(url) as database:
        yield database

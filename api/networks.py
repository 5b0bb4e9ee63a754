"""The networks a service holds in memory: the current version and the one last asked for beside it."""

from collections import OrderedDict
from threading import Lock

from pipemap.db import Connection
from pipemap.network import Network, load_network
from pipemap.versions import current_version

_HELD = 2


class NetworkCache:
    """Immutable networks by version, each loaded once, when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: OrderedDict[int, Network] = OrderedDict()

    def at(self, connection: Connection, version: int | None) -> Network:
        """The network of a version, None being the current one; the connection must see one moment."""
        current = current_version(connection)
        wanted = current if version is None else version
        with self._lock:
            if wanted not in self._held:
                self._held[wanted] = load_network(connection, None if wanted == current else wanted)
            self._held.move_to_end(wanted)
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
            return self._held[wanted]

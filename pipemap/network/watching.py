"""The newest version kept in memory: swapped when somebody publishes, while readers go on with the one they have."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from pipemap.db import Connection, Database
from pipemap.following import Follower
from pipemap.network.arrays import Network
from pipemap.network.loading import load_network, refresh_network
from pipemap.versions import current_version

CHANNEL = "pipemap_version"
# How long a reader waits for a version that has just been published before it is given the one before.
_PATIENCE_S = 1.0
_PAST_HELD = 2


class LiveNetwork:
    """The newest version of the map as a Network, and the past ones last asked for.

    A publish is heard (`watch`) or noticed by a reader. The next network is then made beside the old one, and
    made ready by `prepare`, before it takes its place in one step.
    """

    def __init__(self, database: Database, prepare: Callable[[Network], None] = lambda _: None) -> None:
        self._database, self._prepare = database, prepare
        self._newest: Network | None = None
        self._past: OrderedDict[int, Future[Network]] = OrderedDict()
        self._lock = Lock()
        self._maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")
        self._making: Future[None] | None = None
        self._noticed_s = 0.0
        self._follower = Follower(database, CHANNEL, self._make_newest)

    def watch(self) -> None:
        """Load the newest version and follow what is published, in the background, until `close`."""
        self._follower.start()

    def close(self) -> None:
        """Stop following."""
        self._follower.close()
        self._maker.shutdown(cancel_futures=True)

    def at(self, connection: Connection, version: int | None) -> Network:
        """The network of a version, None being the newest; the connection must see one moment.

        Just after a publish None may still give the version before: look at `Network.version`.
        """
        newest = current_version(connection)
        if version is not None and version != newest:
            return self._of_the_past(connection, version)
        held = self._newest
        while held is None or held.version is None or held.version < newest:
            if not self._is_made_in_time(must_be=held is None or version is not None):
                break
            held = self._newest
        assert held is not None
        return held if version in (None, held.version) else self._of_the_past(connection, newest)

    def _is_made_in_time(self, must_be: bool) -> bool:
        making = self._make()
        patience_s = None if must_be else max(0.0, self._noticed_s + _PATIENCE_S - time.monotonic())
        try:
            making.result(patience_s)
        except TimeoutError:
            return False
        return True

    def _make(self) -> "Future[None]":
        """The making of the newest network, begun if it is not under way."""
        with self._lock:
            if self._making is None or self._making.done():
                self._noticed_s = time.monotonic()
                self._making = self._maker.submit(self._replace)
            return self._making

    def _make_newest(self) -> None:
        self._make().result()

    def _replace(self) -> None:
        with self._database.transaction(read_only=True) as connection:
            held = self._newest
            network = load_network(connection) if held is None else refresh_network(connection, held)
        if network is not held:
            self._prepare(network)
            self._newest = network

    def _of_the_past(self, connection: Connection, version: int) -> Network:
        with self._lock:
            found = self._past.get(version)
            is_mine = found is None
            future: Future[Network] = Future() if found is None else found
            self._past[version] = future
            self._past.move_to_end(version)
            while len(self._past) > _PAST_HELD:
                self._past.popitem(last=False)
        if is_mine:
            self._load_past(connection, version, future)
        return future.result()

    def _load_past(self, connection: Connection, version: int, future: "Future[Network]") -> None:
        try:
            future.set_result(load_network(connection, version))
        except BaseException as error:
            with self._lock:
                self._past.pop(version, None)
            future.set_exception(error)

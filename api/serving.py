"""The service in one process, or in several that listen together and count together what each key asks."""

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from pipemap.forked import end_with_parent
from pipemap.settings import Settings
from pipemap.sharing.identity import read_verifier

# Objects of an answer die young; scanning the rest for them is what made slow answers slow.
_GC_THRESHOLD = 50_000
# A process that says nothing for so long, which on a busy machine its start alone may take, is replaced.
_HUNG_AFTER_S = 60
_QUIET: dict[str, Any] = {"log_level": "warning", "access_log": False, "server_header": False}


@contextmanager
def server(settings: Settings, url: str, host: str, port: int) -> Iterator[Callable[[], None]]:
    """What runs the service until it is told to end; a process that ends before is replaced."""
    if settings.processes == 1:
        app = _ready(settings, url)
        yield partial(uvicorn.run, app, host=host, port=port, **_QUIET)
        return
    # What is wrong with a provider's keys is told once, not by each process.
    read_verifier(settings)
    with NamedTemporaryFile(prefix="pipemap-limits-") as counts:
        config = uvicorn.Config(
            partial(_in_process, settings, url, Path(counts.name)),
            factory=True,
            workers=settings.processes,
            host=host,
            port=port,
            **_QUIET,
            timeout_worker_healthcheck=_HUNG_AFTER_S,
        )
        with closing(config.bind_socket()) as listening:
            yield Multiprocess(config, [listening]).run


def _in_process(settings: Settings, url: str, counts: Path) -> ASGIApp:
    end_with_parent()
    return _ready(settings, url, counts)


def _ready(settings: Settings, url: str, counts: Path | None = None) -> ASGIApp:
    """The application, in a process that is settled for long service."""
    # Imported here: slow to load, and a process that is being started can say meanwhile that it is.
    from api.app import create_app

    app = create_app(settings, url, counts)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    return app

"""`pipemap serve`: the service on this machine, or beyond it under a staff token."""

import socket
from typing import Annotated

import typer
from pydantic import SecretStr

from pipemap.db import database_url, ping
from pipemap.errors import UsageError
from pipemap.settings import Settings, is_loopback
from pipemap.terminal import say

app = typer.Typer()

_SHORTEST_STAFF_TOKEN = 24


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; PIPEMAP_HOST by default.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port; PIPEMAP_PORT by default.")] = None,
) -> None:
    """Serve the map: API, documentation and viewer. 启动服务"""
    # Imported here: the compiled parts are slow to load, and every other command does without them.
    from api.serving import server
    from pipemap.jobs.worker import beside

    settings = Settings()
    address, number = host or settings.host, port or settings.port
    if not settings.asks_staff and not is_loopback(address):
        raise UsageError(f"Listening on {address} lets others in: set PIPEMAP_STAFF_TOKEN first, or use 127.0.0.1.")
    _demand_long(settings.staff_token)
    url = database_url(settings)
    ping(url)
    _demand_free(address, number)
    with server(settings, url, address, number) as run:
        say(f"http://{address}:{number}/  (API: /docs)")
        with beside(settings, url):
            run()


def _demand_long(staff_token: SecretStr | None) -> None:
    if staff_token is not None and len(staff_token.get_secret_value()) < _SHORTEST_STAFF_TOKEN:
        raise UsageError(
            f"PIPEMAP_STAFF_TOKEN can be guessed: give it {_SHORTEST_STAFF_TOKEN} characters or more, as "
            "`openssl rand -base64 32` makes them.",
            message_zh=f"PIPEMAP_STAFF_TOKEN 过短，易被猜出：至少 {_SHORTEST_STAFF_TOKEN} 个字符，"
            "可用 openssl rand -base64 32 生成。",
        )


def _demand_free(host: str, port: int) -> None:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise UsageError(f"Nothing can listen on {host}, port {port}: {error.strerror}; name another.") from error

"""`pipemap worker`: does what waits in the queue, beside the service or on another machine."""

from typing import Annotated

import typer

from pipemap.commands.words import Words
from pipemap.db import database_url, ping
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, say

app = typer.Typer()


@app.command()
def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing waits any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Do what waits in the queue, such as exports; `serve` has one worker of its own. 后台任务"""
    # Imported here: the queue and GDAL are slow to load, and every other command does without them.
    from pipemap.jobs.worker import work

    settings = Settings()
    url = database_url(settings)
    ping(url)
    if not until_idle:
        say(Words().of("Waiting for work; Ctrl-C ends it.", "等待任务，按 Ctrl-C 结束。"))
    work(settings, url, forever=not until_idle)
    if as_json:
        emit_json({"packages": str(settings.export_folder)})

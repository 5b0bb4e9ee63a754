"""`pipemap sample` writes the made-up district into a folder; `pipemap demo` takes it all the way to a served map."""

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from api.cli import serve
from pipemap.commands.words import Words
from pipemap.db import Database, database_url
from pipemap.projects import create_database
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_text, say
from sample_data.demo import load_district, worth_trying
from sample_data.district import write_district

app = typer.Typer()


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write the deliveries into.")],
    as_json: JsonOption = False,
) -> None:
    """Write the sample district's deliveries and its answer key. 生成示例数据"""
    district = write_district(folder)
    rows = [(d.name, d.title, ", ".join(path.name for path in d.files)) for d in district.datasets]
    rows.append(("drainage", district.drainage_update.title, "2025 delivery of the same sewers"))
    if as_json:
        emit_json({"datasets": rows, "faults": len(district.faults), "answer_key": str(district.answer_key)})
    else:
        Words().table(str(folder), ("dataset", "title", "files"), rows)


@app.command()
def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Load and print only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Load the sample district, publish it, serve it; a second run loads nothing twice. 演示"""
    settings = Settings()
    url, address = database_url(settings), f"http://{settings.host}:{settings.port}"
    create_database(url)
    with tempfile.TemporaryDirectory(prefix="pipemap-district-") as folder, Database(url) as database:
        district = write_district(Path(folder))
        load_district(database, district, say)
        words = Words("en" if as_json else None)
        suggestions = worth_trying(database, district, address, _program(), words)
    if as_json:
        emit_json({"address": address, "worth_trying": suggestions})
    else:
        emit_text("\n".join(f"{place}. {words}" for place, words in enumerate(suggestions, 1)))
    if no_serve:
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
    serve(host=None, port=None)


def _program() -> str:
    """How this very program was called, as short as it can be typed from here."""
    program = Path(sys.argv[0]).resolve()
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else program.name

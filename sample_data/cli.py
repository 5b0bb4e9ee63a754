"""`pipemap sample`: write the made-up district into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from pipemap.terminal import JsonOption, emit_json, emit_table
from sample_data.district import write_district

app = typer.Typer()


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to write the deliveries into.")],
    as_json: JsonOption = False,
) -> None:
    """Write the sample district's deliveries and its answer key. 生成示例数据"""
    district = write_district(folder)
    rows = [(d.name, d.title, ", ".join(path.name for path in d.files)) for d in district.datasets]
    rows.append(("drainage", district.drainage_update.title, "2025 delivery of the same sewers"))
    if as_json:
        emit_json({"datasets": rows, "faults": len(district.faults), "answer_key": str(district.answer_key)})
    else:
        emit_table(str(folder), ["dataset", "title", "files"], rows)

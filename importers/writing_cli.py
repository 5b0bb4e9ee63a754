"""`pipemap export`: a dataset back into the tables that surveyors work with."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from importers.profile_files import load_profile
from importers.writing import Sheet, sheets_of, write_texts, write_workbook
from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.datasets import read_dataset
from pipemap.errors import UsageError
from pipemap.terminal import JsonOption, emit_json, say

app = typer.Typer()


class TableFormat(StrEnum):
    """Kinds of files that tables are written as."""

    XLSX = "xlsx"
    CSV = "csv"


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write the tables into. 输出文件夹")],
    dataset: Annotated[str, typer.Option(help="Delivery series to write. 数据集")],
    profile: Annotated[str, typer.Option(help="Shipped profile or TOML file whose layout is written.")] = "default",
    file_format: Annotated[TableFormat, typer.Option("--format", help="xlsx or csv.")] = TableFormat.XLSX,
    encoding: Annotated[str, typer.Option(help="Of csv files: utf-8-sig, or gb18030 as offices use.")] = "utf-8-sig",
    version: Annotated[int | None, typer.Option(help="Version of the map; default: the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a dataset as point and line tables in a delivery's own layout. 导出成果表"""
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder.name} to write into.", message_zh=f"文件夹 {folder.name} 不存在。"
        )
    layout = load_profile(profile)
    with open_database() as database, database.transaction(read_only=True) as connection:
        content = read_dataset(connection, dataset, version)
    sheets = sheets_of(content, layout)
    if file_format is TableFormat.XLSX:
        files = [folder / f"{dataset}.xlsx"]
        write_workbook(sheets, files[0])
    else:
        files = _texts(sheets, folder, dataset, encoding)
    bent = sum(row["is_bent"] for row in content.segments)
    if as_json:
        rows = {sheet.name: len(sheet.rows) for sheet in sheets}
        left_out = {"bends_of_segments": bent, "structures": content.structures}
        emit_json({"files": [str(file) for file in files], "rows": rows, "left_out": left_out})
        return
    words = Words()
    written = [(sheet.name, len(sheet.rows)) for sheet in sheets]
    words.table(words.of("Tables", "成果表"), ("sheet", "rows"), written)
    say("\n".join(str(file) for file in files))
    if bent or content.structures:
        say(
            words.of(
                f"A table has no place for the bends of {bent} segments and for {content.structures} structures.",
                f"表格不含 {bent} 条管段的折点和 {content.structures} 个构筑物。",
            )
        )


def _texts(sheets: list[Sheet], folder: Path, dataset: str, encoding: str) -> list[Path]:
    try:
        return write_texts(sheets, folder, dataset, encoding)
    except (UnicodeEncodeError, LookupError) as error:
        raise UsageError(
            f"The tables cannot be written as {encoding}: {error}.", message_zh=f"无法按 {encoding} 编码写出。"
        ) from error

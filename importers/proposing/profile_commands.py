"""`pipemap profiles`: the kinds of delivery that the product knows, and how each is read."""

from typing import Annotated

import typer

from importers.profile_files import load_profile, profile_text, shipped
from pipemap.commands.words import Words
from pipemap.errors import NotFoundError
from pipemap.terminal import JsonOption, emit_json, emit_text

app = typer.Typer()

NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this profile. 显示该配置")]


@app.command("profiles")
def list_profiles(name: NameArgument = None, as_json: JsonOption = False) -> None:
    """List the shipped profiles, or print one to copy from. 内置导入配置"""
    if name is not None:
        _print(name, as_json)
        return
    profiles = [load_profile(each) for each in shipped()]
    if as_json:
        fields = {"name", "title", "extends", "readers", "signature"}
        emit_json([profile.model_dump(include=fields) for profile in profiles])
        return
    words = Words()
    rows = [
        (each.name, each.title, ", ".join(each.readers) or words.of("any", "不限"), ", ".join(each.signature))
        for each in profiles
    ]
    title = words.of(f"Profiles: {len(rows)}", f"导入配置 {len(rows)} 个")
    words.table(title, ("name", "for", "readers", "known by the columns"), rows)


def _print(name: str, as_json: bool) -> None:
    if name not in shipped():
        raise NotFoundError(
            f"There is no shipped profile {name}; there are {', '.join(shipped())}.",
            message_zh=f"没有内置配置 {name}；可选：{'、'.join(shipped())}。",
        )
    if as_json:
        emit_json(load_profile(name).model_dump())
    else:
        emit_text(profile_text(name))

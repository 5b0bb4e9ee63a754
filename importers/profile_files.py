"""Profiles as files: the shipped ones and a user's own, read, checked, and chosen by their layout."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from importers.normalising.units import factor
from importers.profiles import ATTRIBUTES, SECRET, Profile, plain
from pipemap.errors import NotFoundError, SourceError
from schemas.codetables import CODE_TABLES, code_table


@cache
def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with the product."""
    names = (item.name for item in _folder().iterdir())
    return tuple(sorted(Path(name).stem for name in names if name.endswith(".toml")))


def load_profile(name: str | Path) -> Profile:
    """A shipped profile by name, or one from a TOML file.

    Raises
    ------
    NotFoundError
        When there is no such profile.
    SourceError
        When the file is not a valid profile; says where.
    """
    if isinstance(name, str) and name in shipped():
        return _shipped(name)
    path = Path(name)
    if not path.is_file():
        raise NotFoundError(
            f"There is no profile {name}; the shipped ones are {', '.join(shipped())}.",
            message_zh=f"没有配置 {name}；内置配置有 {'、'.join(shipped())}。",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The profile {path.name} cannot be read; it must be text in UTF-8.",
            message_zh=f"配置文件 {path.name} 无法读取，须为 UTF-8 文本。",
        ) from error
    return _made(lambda: _extended(tomllib.loads(text)), path.name)


@cache
def _shipped(name: str) -> Profile:
    # What others extend is there already, and not to be parsed once more.
    return _made(lambda: _shipped_tables(name), f"{name}.toml")


@cache
def known_headers() -> frozenset[str]:
    """Every source column name that a shipped profile knows, plain."""
    loaded = [load_profile(name) for name in shipped()]
    return frozenset().union(*(headers_of(profile) for profile in loaded))


def headers_of(profile: Profile) -> frozenset[str]:
    """Every source column name a profile knows, plain."""
    return frozenset(
        plain(name)
        for role, attributes in ATTRIBUTES.items()
        for attribute in attributes
        for name in profile.names(role, attribute)
    )


def choose_profile(columns: Iterable[str], readers: Iterable[str], sheets: Iterable[str] = ()) -> tuple[Profile, str]:
    """The shipped profile whose signature fits best, and why, in words."""
    there, used, names = {plain(column) for column in columns}, set(readers), list(sheets)
    best, matched = load_profile("default"), 0
    for profile in map(load_profile, shipped()):
        wanted = {plain(column) for column in profile.signature}
        fits = wanted <= there and (not profile.readers or used <= set(profile.readers))
        fits = fits and all(any(re.search(pattern, name) for name in names) for pattern in profile.sheets)
        told = len(wanted) + len(profile.sheets) + bool(profile.readers)
        if fits and told > matched:
            best, matched = profile, told
    return best, _why(best)


def _why(profile: Profile) -> str:
    if profile.sheets:
        return f"it has layers named {', '.join(profile.sheets)}"
    return f"it has the columns {', '.join(profile.signature)}" if profile.signature else "no other layout fits better"


def _made(tables: Callable[[], Mapping[str, Any]], label: str) -> Profile:
    try:
        return _checked(Profile.model_validate(tables()), label)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        detail = error.errors()[0] if isinstance(error, ValidationError) else None
        words = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" if detail else str(error)
        raise SourceError(
            f"The profile {label} is not valid: {words}.", message_zh=f"配置文件 {label} 无效：{words}。"
        ) from error


def _extended(own: Mapping[str, Any]) -> dict[str, Any]:
    """A profile over the shipped one that it extends, which may extend another."""
    base = own.get("extends")
    if base not in shipped():
        return dict(own)
    inherited = _shipped_tables(base)
    return _merged({**inherited, "columns": _left_to(inherited.get("columns", {}), own.get("columns", {}))}, own)


@cache
def _shipped_tables(name: str) -> Mapping[str, Any]:
    return _extended(tomllib.loads(profile_text(name)))


def _left_to(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The inherited names of columns without those that the profile gives to an attribute itself."""
    taken = {role: {plain(name) for names in attributes.values() for name in names} for role, attributes in own.items()}
    return {
        role: {
            attribute: [name for name in names if plain(name) not in taken.get(role, set())]
            for attribute, names in attributes.items()
        }
        for role, attributes in inherited.items()
    }


def _checked(profile: Profile, label: str) -> Profile:
    roles = {*profile.columns, *profile.leave} - ATTRIBUTES.keys() | profile.roles.keys() - {*ATTRIBUTES, "ignored"}
    known = {name for names in ATTRIBUTES.values() for name in names}
    used = {*profile.units, *profile.null_values}.union(*(profile.columns[r] for r in profile.columns.keys() - roles))
    units = {f"{name} in {unit}" for name, unit in profile.units.items() if factor(name, unit) is None}
    wrong_classes = set(profile.classes.values()) - set(code_table("utility_class")) - {SECRET}
    wrong = sorted(roles | used - known | units | wrong_classes | _wrong_codes(profile))
    if wrong:
        raise SourceError(
            f"The profile {label} names what the model does not have: {', '.join(wrong)}.",
            message_zh=f"配置文件 {label} 使用了模型中没有的名称：{'、'.join(wrong)}。",
        )
    return profile


def _wrong_codes(profile: Profile) -> set[str]:
    """Codes of the profile that no code table has, and tables that there are not."""
    tables = {name for name in profile.words if name != "flow_direction" and name not in CODE_TABLES}
    wrong = {
        code
        for name in profile.words.keys() & set(CODE_TABLES)
        for code in profile.words[name].values()
        if code not in code_table(name)
    }
    datums = {*profile.datum.by_class.values()}.union(*(rule.values() for rule in profile.datum.by_burial.values()))
    return tables | wrong | datums - set(code_table("depth_datum"))


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`: tables merge, lists of names put their own in front, everything else replaces."""
    merged = {key: value for key, value in base.items() if key not in ("signature", "sheets", "readers")}
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key not in ("nulls", "zero_is_unknown"):
            merged[key] = [*value, *(item for item in before if item not in value)]
        else:
            merged[key] = value
    return merged


@cache
def profile_text(name: str) -> str:
    """A shipped profile as it is written, comments and all."""
    return (_folder() / f"{name}.toml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    return files("importers") / "profiles"

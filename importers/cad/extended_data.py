"""Attributes that drawings carry: extended data, records of extension dictionaries, attributes of blocks."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from importers.cad.groups import Group, text_of

Pair = tuple[str, Any]

_STRING, _APPLICATION, _BRACE, _LAYER = 1000, 1001, 1002, 1003
_NUMBERS = range(1040, 1072)
# Extended data of AutoCAD itself and of its common tools is about drawing.
_DRAWING_MATTER = (
    "ACAD", "ACDB", "ACAE", "ACCM", "ACMAP", "AEC", "AVE_", "EZDXF", "RAK", "GRADIENTCOLOR", "CONTENTBLOCK", "DCO",
    "EXACXREF", "HATCHBACKGROUND", "PE_URL",
)  # fmt: skip
_SEPARATORS = re.compile(r"[:：=]")
# Of fewer, more than half must be known.
_LEAST_PAIRS = 4
_LIST_MARKS = re.compile(r"[;；|\n\t]+|[,，](?=[^,，:：=]{1,20}[:：=])")
_RECORD_STRINGS = frozenset({1, 2, 3, 4, 6, 7, 8, 9, *range(300, 310)})
_RECORD_NUMBERS = frozenset({*range(40, 60), *range(60, 80), *range(90, 100), *range(140, 148), *range(170, 176)})


def extended_data(group: Group, codec: str, is_name: Callable[[str], bool]) -> Iterator[Pair]:
    """Pairs of the extended data of all applications, whatever their order.

    Strings `key:value` name themselves; where names and values alternate, or an application is named
    like an attribute, those are the names; what is left is called by its application and its place.

    Parameters
    ----------
    is_name
        Whether a word is the name of an attribute in some known layout.
    """
    start = group.xdata_start()
    application = ""
    values: list[Any] = []
    for code, value in zip(group.codes[start:], group.values[start:], strict=True):
        if code == _APPLICATION:
            yield from _of_application(application, values, is_name)
            application, values = text_of(value, codec).strip(), []
        elif code in (_STRING, _LAYER):
            values.append(text_of(value, codec).strip())
        elif code in _NUMBERS:
            values.append(_number(value))
    yield from _of_application(application, values, is_name)


def record_data(name: str, group: Group, codec: str, is_name: Callable[[str], bool]) -> Iterator[Pair]:
    """Pairs of an XRECORD that an extension dictionary holds under `name`: as extended data, under other codes."""
    values: list[Any] = []
    for code, value in zip(group.codes, group.values, strict=True):
        if code in _RECORD_STRINGS:
            values.append(text_of(value, codec).strip())
        elif code in _RECORD_NUMBERS:
            values.append(_number(value))
    yield from _of_application(name, values, is_name)


def block_attributes(group: Group, codec: str) -> Iterator[Pair]:
    """Tag and text of the attributes of an insert."""
    for part in group.parts:
        tags = part.tags()
        if 2 in tags:
            yield text_of(tags[2], codec).strip(), text_of(tags.get(1, ""), codec).strip() or None


def constant_attributes(groups: Iterable[Group], codec: str) -> Iterator[Pair]:
    """Attributes that a block gives to all its inserts alike."""
    for group in groups:
        if group.kind == "ATTDEF":
            tags = group.tags()
            if 2 in tags and int(tags.get(70, 0)) & 2:
                yield text_of(tags[2], codec).strip(), text_of(tags.get(1, ""), codec).strip() or None


def merged(pairs: Iterable[Pair]) -> dict[str, Any]:
    """The pairs by name; of equal names the first that says something wins."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if found.get(name) is None:
            found[name] = value
    return found


def _of_application(application: str, values: list[Any], is_name: Callable[[str], bool]) -> Iterator[Pair]:
    if not values or application.upper().startswith(_DRAWING_MATTER):
        return
    if len(values) == 1 and isinstance(values[0], str) and values[0].startswith("{"):
        yield from _of_json(values[0]) or [(application, values[0])]
        return
    if _alternates(values, is_name):
        yield from ((str(name), _value(value)) for name, value in zip(values[::2], values[1::2], strict=True))
        return
    n_unnamed = 0
    for value in values:
        pairs = _named(value) if isinstance(value, str) else []
        yield from pairs
        if not pairs:
            n_unnamed += 1
            yield application if n_unnamed == 1 else f"{application}_{n_unnamed}", _value(value)


def _alternates(values: Sequence[Any], is_name: Callable[[str], bool]) -> bool:
    names = values[::2]
    if len(values) % 2 or len(values) < 2 or not all(isinstance(name, str) for name in names):
        return False
    n_known = sum(map(is_name, names))
    return len(set(names)) == len(names) and 2 * n_known >= len(names) + (len(names) < _LEAST_PAIRS)


def _named(text: str) -> list[Pair]:
    """Key and value of a string, or of the several pairs it lists; none where it names nothing."""
    parts = [part for part in _LIST_MARKS.split(text) if part.strip()]
    pairs = [_pair(part) for part in parts]
    if len(pairs) > 1 and all(pairs):
        return [pair for pair in pairs if pair is not None]
    whole = _pair(text)
    return [] if whole is None else [whole]


def _pair(text: str) -> Pair | None:
    mark = _SEPARATORS.search(text, 1)
    if mark is None:
        return None
    name = text[: mark.start()].strip()
    # 10:30 and 1=500 are values, not names.
    return (name, text[mark.end() :].strip() or None) if name and not name.replace(".", "").isdigit() else None


def _of_json(text: str) -> list[Pair]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [(name, _value(value)) for name, value in found.items() if isinstance(value, str | int | float)]


def _value(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() and b"." not in (value if isinstance(value, bytes) else b"") else number

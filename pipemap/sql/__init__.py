"""Named queries: `-- name: words` heads each statement of the `.sql` files beside this one."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_HEAD = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
# Not sent: psycopg reads a statement of more than 4,096 bytes anew each time.
_COMMENT = re.compile(r"^ *--.*\n", re.MULTILINE)


@cache
def queries(topic: str) -> dict[str, LiteralString]:
    """The statements of `<topic>.sql` by name."""
    text = (files("pipemap.sql") / f"{topic}.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    names, bodies = parts[::2], parts[1::2]
    # The files ship with the program, so their text is as trustworthy as a literal.
    return {name: _COMMENT.sub("", body).strip() for name, body in zip(names, bodies, strict=True)}

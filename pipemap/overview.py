"""The whole map at a glance: project, version, extent, and how much there is of each class."""

from dataclasses import asdict
from typing import Any

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import current_version
from schemas.codetables import Code, code_table


def overview(connection: Connection) -> dict[str, Any]:
    """Project, current version, extent (min x, min y, max x, max y in the project CRS, or None) and classes."""
    found = {row["class_code"]: row for row in fetch_all(connection, queries("overview")["classes"])}
    extent = fetch_one(connection, queries("overview")["extent"])
    return asdict(read_project(connection)) | {
        "version": current_version(connection),
        "extent": None if extent is None or extent["minx"] is None else list(extent.values()),
        "classes": [_class(code, found.get(code.code)) for code in code_table("utility_class").values()],
    }


def _class(code: Code, row: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "code": code.code,
        "name_en": code.name_en,
        "name_zh": code.name_zh,
        "color": [int(code.fields[name]) for name in ("red", "green", "blue")],
        "segment_count": row["segment_count"] if row else 0,
        "length_m": row["length_m"] if row else 0.0,
    }

"""Reading the map's versions: which there are, what differs between two, and the life of one feature."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError, UsageError
from pipemap.sql import queries
from pipemap.statements import compose, content_names, differs, table
from schemas.tables import FEATURE_KINDS, attribute_names

Moment: TypeAlias = datetime | date
# Where the views stand that agencies read.
SHARE_SCHEMA = "pipemap_share"
Box: TypeAlias = Sequence[float]
# One feature's change: kind, feature_id, source_key, op, old, new (states as JSON), changed (field names).
Delta: TypeAlias = dict[str, Any]
_StateKey: TypeAlias = tuple[int, int]


class GrantedVersion(int):
    """A version as an agreement's views show it: whoever is given it reads those views instead of the map.

    `columns` are what is shown of each kind, geometry apart. Only for a transaction that stands in for the agency.
    """

    columns: Mapping[str, Sequence[str]]

    def __new__(cls, version: int, columns: Mapping[str, Sequence[str]]) -> "GrantedVersion":
        """The number with what is shown of it."""
        made = super().__new__(cls, version)
        made.columns = columns
        return made


def current_version(connection: Connection) -> int:
    """The newest version; 0 when nothing has been published."""
    row = fetch_one(connection, queries("versions")["current_version"])
    return int(row["version"]) if row else 0


def resolve_version(connection: Connection, version: int | Moment | None) -> int | None:
    """The version a number or a point in time means; None, for the newest, stays None.

    A date means the last version published on or before that day.

    Raises
    ------
    NotFoundError
        When there is no such version.
    """
    if version is None or isinstance(version, GrantedVersion):
        return version
    if isinstance(version, date):
        return _version_at(connection, version)
    newest = current_version(connection)
    if not 0 <= version <= newest:
        raise NotFoundError(f"There is no version {version}; the newest is {newest}.")
    return version


def relation(kind: str, version: int | None) -> Composable:
    """A FROM item with the states of one kind at a version, None being the newest: all columns of `<kind>`."""
    if kind not in FEATURE_KINDS:
        raise UsageError(f"{kind} is no kind of feature; there are {', '.join(FEATURE_KINDS)}.")
    if version is None:
        return table(kind)
    if isinstance(version, GrantedVersion):
        return Identifier(SHARE_SCHEMA, f"asked_{kind}")
    return SQL("{}({})").format(Identifier("pipemap_app", f"{kind}_as_of"), Literal(version))


def shown_relation(kind: str, version: int | None) -> Composable:
    """The same to be handed out: of a granted version what is shown of each feature, without stand-ins for the rest."""
    return Identifier(SHARE_SCHEMA, kind) if isinstance(version, GrantedVersion) else relation(kind, version)


def log(connection: Connection, limit: int = 50, offset: int = 0, author: str | None = None) -> list[DictRow]:
    """Versions, newest first.

    Each row holds version, published_at, author, message, counts, changeset_id, title, kind, dataset,
    reverts_changeset_id, reverted_by_version (the version that undid this one) and waivers (rule, reason).
    """
    return fetch_all(connection, queries("versions")["log"], {"author": author, "limit": limit, "offset": offset})


def diff(
    connection: Connection,
    from_version: int,
    to_version: int,
    *,
    kind: str | None = None,
    op: str | None = None,
    class_code: str | None = None,
    bbox: Box | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Delta]:
    """What turns one version into another, one delta a feature, ordered by kind and identity.

    The work follows the number of changes in between, not the size of the map. Going back in time
    gives the inverse. `bbox` (min x, min y, max x, max y in the project CRS) and `class_code` keep
    features that lie in it, or are of it, before or after. States are JSON-ready, the geometry as
    GeoJSON in the project CRS.
    """
    statement = SQL("SELECT * FROM ({}) keys WHERE {} ORDER BY {}, feature_id LIMIT {} OFFSET {}").format(
        _diff_keys(connection, from_version, to_version, kind, bbox, class_code),
        SQL("true") if op is None else SQL("op = {}").format(Literal(_turned(op, from_version, to_version))),
        SQL("array_position({}::text[], kind)").format(Literal(list(FEATURE_KINDS))),
        Literal(limit),
        Literal(offset),
    )
    rows = fetch_all(connection, statement)
    old, new = ("low_from", "high_from") if from_version <= to_version else ("high_from", "low_from")
    states = read_states(connection, rows)
    return [
        as_delta(
            {**row, "op": _turned(row["op"], from_version, to_version)},
            states.get((row["feature_id"], row[old])),
            states.get((row["feature_id"], row[new])),
        )
        for row in rows
    ]


def diff_counts(
    connection: Connection,
    from_version: int,
    to_version: int,
    bbox: Box | None = None,
    class_code: str | None = None,
) -> dict[str, dict[str, int]]:
    """How many features differ between two versions, by kind and op; kinds without a change are left out."""
    keys = _diff_keys(connection, from_version, to_version, None, bbox, class_code)
    statement = SQL("SELECT kind, op, count(*) AS count FROM ({}) keys GROUP BY kind, op").format(keys)
    counts: dict[str, dict[str, int]] = {}
    for row in fetch_all(connection, statement):
        ops = counts.setdefault(row["kind"], {"insert": 0, "update": 0, "delete": 0})
        ops[_turned(row["op"], from_version, to_version)] = row["count"]
    return {kind: counts[kind] for kind in FEATURE_KINDS if kind in counts}


def history(connection: Connection, feature_id: int) -> list[dict[str, Any]]:
    """Every change of one feature, oldest first.

    Each entry holds kind, version, published_at, author, message, op, changed (field names) and
    state, which is None where the feature was deleted.
    """
    kind, rows = _life(connection, feature_id)
    moments = _moments(rows)
    about = {row["version"]: row for row in _version_rows(connection, [version for version, _, _ in moments])}
    return [
        {"kind": kind, **about[version], "op": _op(old, new), "changed": changed_fields(kind, old, new), "state": new}
        for version, old, new in moments
    ]


def find_feature(connection: Connection, source_key: str, dataset: str | None = None) -> int:
    """Identity of the one feature, living or gone, with a source key.

    Raises
    ------
    NotFoundError
        When no feature has it.
    UsageError
        When several have it and `dataset` does not tell them apart.
    """
    wanted = {"source_key": source_key, "dataset": dataset}
    found = fetch_all(connection, _for_kinds("feature_by_key", None), wanted)
    if not found:
        raise NotFoundError(f"No feature has the key {source_key}.")
    if len(found) > 1:
        listed = ", ".join(f"{row['kind']} {row['feature_id']} in {row['dataset']}" for row in found)
        raise UsageError(f"Several features have the key {source_key}: {listed}. Name the feature by its number.")
    return int(found[0]["feature_id"])


def read_states(connection: Connection, keys: Iterable[Mapping[str, Any]]) -> dict[_StateKey, DictRow]:
    """States of the features that rows with `kind` and `feature_id` name, by identity and first version."""
    wanted: dict[str, list[int]] = {}
    for key in keys:
        wanted.setdefault(key["kind"], []).append(key["feature_id"])
    states: dict[_StateKey, DictRow] = {}
    for kind, feature_ids in wanted.items():
        statement = compose(queries("versions")["states"], kind)
        for row in fetch_all(connection, statement, {"feature_ids": feature_ids}):
            states[row["feature_id"], row["valid_from_version"]] = row["state"]
    return states


def as_delta(key: Mapping[str, Any], old: DictRow | None, new: DictRow | None) -> Delta:
    """One feature's change with both states and the names of the fields that differ."""
    named = {name: key[name] for name in ("kind", "feature_id", "source_key", "op")}
    return {**named, "old": old, "new": new, "changed": changed_fields(key["kind"], old, new)}


def changed_fields(kind: str, old: DictRow | None, new: DictRow | None) -> list[str]:
    """Names of the fields that differ between two states of a feature; empty unless there are two."""
    if old is None or new is None:
        return []
    return [name for name in content_names(kind) if old[name] != new[name]]


def class_column(kind: str, alias: str) -> Composable:
    """The column with the utility class of a kind; null for a kind without classes."""
    return Identifier(alias, "class_code") if "class_code" in attribute_names(kind) else SQL("NULL::text")


def _version_at(connection: Connection, moment: Moment) -> int:
    if isinstance(moment, datetime):
        row = fetch_one(connection, queries("versions")["version_before"], {"moment": moment})
    else:
        row = fetch_one(connection, queries("versions")["version_on"], {"day": moment})
    if row is None or row["version"] is None:
        raise NotFoundError(f"Nothing had been published by {moment.isoformat()}.")
    return int(row["version"])


def _diff_keys(
    connection: Connection,
    from_version: int,
    to_version: int,
    kind: str | None,
    bbox: Box | None,
    class_code: str | None,
) -> Composed:
    for version in (from_version, to_version):
        resolve_version(connection, version)
    box = SQL("NULL") if bbox is None else SQL("ST_MakeEnvelope({})").format(SQL(", ").join(map(Literal, bbox)))
    if bbox is not None:
        box = SQL("(SELECT ST_SetSRID({}, srid) FROM pipemap.project)").format(box)
    low, high = sorted((from_version, to_version))
    return _for_kinds(
        "diff_keys", kind, low=Literal(low), high=Literal(high), box=box, wanted_class=Literal(class_code)
    )


def _for_kinds(name: str, kind: str | None, **parts: Composable) -> Composed:
    """A named statement for every kind, or one, its rows put together."""
    if kind is not None and kind not in FEATURE_KINDS:
        raise UsageError(f"{kind} is no kind of feature; there are {', '.join(FEATURE_KINDS)}.")
    kinds = FEATURE_KINDS if kind is None else (kind,)
    statements = (
        compose(
            queries("versions")[name],
            each,
            changed=differs(content_names(each), "l", "h"),
            class_of_l=class_column(each, "l"),
            class_of_h=class_column(each, "h"),
            **parts,
        )
        for each in kinds
    )
    return SQL(" UNION ALL ").join(statements)


def _turned(op: str, from_version: int, to_version: int) -> str:
    if from_version <= to_version:
        return op
    return {"insert": "delete", "delete": "insert"}.get(op, op)


def _life(connection: Connection, feature_id: int) -> tuple[str, list[DictRow]]:
    for kind in FEATURE_KINDS:
        rows = fetch_all(connection, compose(queries("versions")["states"], kind), {"feature_ids": [feature_id]})
        if rows:
            return kind, rows
    raise NotFoundError(f"There has never been a feature {feature_id}.")


def _moments(rows: list[DictRow]) -> list[tuple[int, DictRow | None, DictRow | None]]:
    """Version, state before and state after for each change in a life of states."""
    moments: list[tuple[int, DictRow | None, DictRow | None]] = []
    old: DictRow | None = None
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        moments.append((row["valid_from_version"], old, row["state"]))
        ended, old = row["valid_to_version"], row["state"]
        if ended is not None and (following is None or following["valid_from_version"] != ended):
            moments.append((ended, old, None))
            old = None
    return moments


def _op(old: DictRow | None, new: DictRow | None) -> str:
    if old is None:
        return "insert"
    return "delete" if new is None else "update"


def _version_rows(connection: Connection, versions: list[int]) -> list[DictRow]:
    return fetch_all(connection, queries("versions")["version_rows"], {"versions": versions})

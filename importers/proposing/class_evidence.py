"""The class of a delivery that names none anywhere, by what else it says: valves of gas, kilovolts, who owns it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from importers.base import RecordTable
from importers.normalising.cells import cells
from importers.profiles import Profile
from importers.proposing.match import Reason
from importers.proposing.proposal import TableProposal
from schemas.codetables import code_table
from schemas.delivery import Delivery

# What stands in the network of one class alone.
_OF_ONE_CLASS = {
    "hydrant": "water", "waterworks": "water", "storm_grate": "storm", "septic_tank": "foul", "gas_station": "gas",
    "regulator_station": "gas", "condensate_pot": "gas", "heat_station": "heat", "heat_source": "heat",
    "substation": "power", "transformer": "power", "telecom_office": "telecom", "street_lamp": "street_light",
    "traffic_light": "traffic_signal",
}  # fmt: skip
# These stand in deliveries of all sewers, too.
_BESIDE_OTHERS = frozenset({"storm_grate", "septic_tank"})
# Companies that run one kind of network; those of water run sewers, too.
_TOLD_BY_OWNERS = frozenset({"gas", "heat", "power", "telecom"})
_CARRIERS = re.compile(r"联通|移动通信|中国移动|电信|铁塔|广电", re.IGNORECASE)
# Lamps and signals are fed with less.
_LEAST_KV, _MOSTLY = 1.0, 0.5
_FIRST_WORDS = 200


@dataclass(frozen=True)
class ClassTold:
    """A class, and what told it."""

    code: str
    why: Reason


def class_told(
    tables: Iterable[RecordTable], proposals: Sequence[TableProposal], profile: Profile, trial: Delivery
) -> ClassTold | None:
    """The one class that all evidence agrees on, of a delivery of which no row has any; else None."""
    if any(set(frame["class_code"]) != {"unknown"} for frame in _frames(trial)):
        return None
    said = [*_of_points(trial), *_of_lines(trial), *_of_owners(tables, proposals, profile)]
    return said[0] if len({told.code for told in said}) == 1 else None


def _frames(trial: Delivery) -> Iterator[pd.DataFrame]:
    return (frame for frame in (trial.nodes, trial.segments) if len(frame))


def _of_points(trial: Delivery) -> Iterator[ClassTold]:
    if "appurtenance_code" not in trial.nodes:
        return
    counts = trial.nodes["appurtenance_code"].value_counts()
    for code in counts.index:
        if code in _OF_ONE_CLASS and (code not in _BESIDE_OTHERS or counts[code] > _MOSTLY * counts.sum()):
            names = code_table("appurtenance")[code]
            why = Reason(f"as there is a {names.name_en} among its points", f"管点中有{names.name_zh}")
            yield ClassTold(_OF_ONE_CLASS[code], why)


def _of_lines(trial: Delivery) -> Iterator[ClassTold]:
    if "voltage_kv" in trial.segments:
        kv = trial.segments["voltage_kv"].to_numpy(float)
        highest_kv = np.nanmax(kv, initial=0.0)
        # Of lines of several kinds, which a column may tell that is not understood, those of power are a part.
        if highest_kv >= _LEAST_KV and (kv >= _LEAST_KV).mean() > _MOSTLY:
            yield ClassTold("power", Reason(f"as its lines bear {highest_kv:g} kV", f"电压为 {highest_kv:g} kV"))


def _of_owners(
    tables: Iterable[RecordTable], proposals: Sequence[TableProposal], profile: Profile
) -> Iterator[ClassTold]:
    columns = {(table.file, table.sheet): table.column_of("owner") for table in proposals}
    for table in tables:
        column = columns.get((table.file, table.sheet))
        words = cells(table.rows[column], ()).words[:_FIRST_WORDS] if column in table.rows else []
        for word in filter(None, words):
            code = "telecom" if _CARRIERS.search(word) else profile.class_said(word, is_name=True)
            if code in _TOLD_BY_OWNERS:
                yield ClassTold(str(code), Reason(f"as its owner {word} says", f"由权属单位“{word}”得知"))

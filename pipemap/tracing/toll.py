"""Consumers who lose their supply: how many of each kind, how many people, and the critical ones by name."""

from functools import cache
from typing import NamedTuple, TypeAlias

import numba
import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import Flags, Ints, Network, SmallInts
from pipemap.tracing.describing import Words
from schemas.codetables import code_table

# Of all consumers: how many people they are, their kinds, and whether they are critical; last how many kinds there are.
People: TypeAlias = tuple[Ints, SmallInts, Flags, int]


class Toll(NamedTuple):
    """Consumers (positions) who lose their supply, and which of them stand in the isolated zone.

    `people` are those of the consumers whose number is known, `uncounted` how many consumers have none; `by_kind` is
    how many there are, by position in the code table `consumer_kind`; `critical` are places in `consumers`.
    """

    consumers: Ints
    is_near: Flags
    people: int
    uncounted: int
    by_kind: Ints
    critical: Ints


def toll_of(network: Network, consumers: Ints, is_near: Flags) -> Toll:
    """The figures of some consumers."""
    return Toll(consumers, is_near, *counted(people_of(network), consumers))


def people_of(network: Network) -> People:
    """What `counted` takes of a network."""
    consumers = network.consumers
    return consumers.people, consumers.kind, consumers.is_critical, len(_kinds())


@numba.njit(cache=True, nogil=True)
def counted(columns: People, consumers: Ints) -> tuple[int, int, Ints, Ints]:  # pragma: no cover
    """The last fields of the Toll of some consumers."""
    people, kind, is_critical, kinds = columns
    known_people, uncounted, by_kind = 0, 0, np.zeros(kinds, np.int64)
    critical = [0 for _ in range(0)]
    for place, one in enumerate(consumers):
        by_kind[kind[one]] += 1
        known_people += max(people[one], 0)
        uncounted += people[one] < 0
        if is_critical[one]:
            critical.append(place)
    return known_people, uncounted, by_kind, np.array(critical)


def toll_words(network: Network, toll: Toll) -> Words:
    """The fields of a ConsumersLost."""
    return {
        "count": len(toll.consumers),
        "people": toll.people,
        "by_kind": {_kinds()[kind]: count for kind, count in enumerate(toll.by_kind.tolist()) if count},
        "critical": [
            _critical(network, toll.consumers.item(one), toll.is_near.item(one)) for one in toll.critical.tolist()
        ],
    }


def consumers_lost(network: Network, lost: Ints, is_near: Flags) -> Words:
    """The same for consumers by position; `is_near` marks those in the isolated zone."""
    return toll_words(network, toll_of(network, lost, is_near))


@cache
def _kinds() -> tuple[str, ...]:
    return tuple(code_table("consumer_kind"))


def _critical(network: Network, consumer: int, is_near: bool) -> Words:
    consumers = network.consumers
    people = consumers.people.item(consumer)
    return {
        "feature_id": consumers.id.item(consumer),
        "name": consumers.name[consumer],
        "kind_code": _kinds()[consumers.kind[consumer]],
        "people": people if people >= 0 else None,
        "zone": "isolated" if is_near else "dry",
        "x_m": known(consumers.x_m.item(consumer)),
        "y_m": known(consumers.y_m.item(consumer)),
    }

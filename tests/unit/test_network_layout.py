"""What versions of one layout share is found from the columns of the layout and no others."""

from dataclasses import fields, replace
from typing import Any

from hypothesis import given, settings

from pipemap.network import Network
from pipemap.network.arrays import LAYOUT
from pipemap.tracing.asking import make_layout_ready
from pipemap.tracing.tiers import feeders_of
from pipemap.tracing.zones import zones_of
from tests.unit.drained_city import City, cities, examples
from tests.unit.test_isolation_reference import SLOW


def bare(network: Network) -> Network:
    """The network without the columns that do not belong to the layout."""
    parts: dict[str, Any] = {}
    for kind in ("nodes", "segments", "consumers"):
        part = getattr(network, kind)
        others = {field.name: None for field in fields(part) if f"{kind}.{field.name}" not in LAYOUT}
        parts[kind] = replace(part, **others)
    return replace(network, **parts, derived={}, by_layout={})


@settings(max_examples=examples(20), **SLOW)
@given(cities())
def test_what_is_shared_looks_at_the_layout_alone(city: City) -> None:
    whole = city.network()
    make_layout_ready(whole)
    feeders_of(whole, zones_of(whole, "water"))
    layout = bare(whole)
    make_layout_ready(layout)
    feeders_of(layout, zones_of(layout, "water"))
    assert set(layout.by_layout) == set(whole.by_layout)
    assert not layout.derived
    zones, again = zones_of(whole, "water"), zones_of(layout, "water")
    assert zones.segment_zone.tolist() == again.segment_zone.tolist()
    assert zones.hops.tolist() == again.hops.tolist()

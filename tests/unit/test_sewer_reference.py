"""Sewer traces against a slow reference on random sewers, whichever way their lines are drawn."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipemap.tracing.gravity import Evidence, gravity_of
from pipemap.tracing.sewers import blockage, downstream, upstream
from pipemap.tracing.starts import located_ids
from tests.unit.drained_city import examples
from tests.unit.drained_town import Pipe, Reference, Town, towns

SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}


@settings(max_examples=examples(150), **SLOW)
@given(towns())
def test_every_pipe_runs_the_way_the_reference_has_it(town: Town) -> None:
    gravity, reference = gravity_of(town.network()), Reference(town)
    assert {one: int(gravity.sign[one]) for one in reference.live} == reference.sign
    assert set(np.flatnonzero(gravity.is_contradicted).tolist()) == reference.contradicted
    assert set(np.flatnonzero(gravity.evidence == Evidence.WAY_OUT).tolist()) == reference.turned
    assert not gravity.sign[[one for one, pipe in enumerate(town.pipes) if not pipe.is_live]].any()


@settings(max_examples=examples(60), **SLOW)
@given(towns())
def test_every_walk_down_and_up_equals_the_reference(town: Town) -> None:
    network, reference = town.network(), Reference(town)
    for node in (node for node, pipes in reference.degree.items() if pipes):
        for ask, is_down in ((downstream, True), (upstream, False)):
            answer = ask(network, located_ids(network, [], [node]))
            nodes, pipes = reference.walk({node}, is_down)
            assert (set(answer.node_ids), set(answer.segment_ids)) == (nodes, pipes)
            _, wide = reference.walk({node}, is_down, doubts=True)
            assert set(answer.doubtful_segment_ids) == wide - pipes
            assert len(answer.segment_ids) == len(pipes) and sum(answer.decided_by.values()) == len(pipes)


@settings(max_examples=examples(60), **SLOW)
@given(towns())
def test_a_walk_from_a_pipe_begins_at_its_own_end(town: Town) -> None:
    network, reference = town.network(), Reference(town)
    for one in reference.live:
        tail, head = reference.ends(one, reference.sign[one])
        down, up = (ask(network, located_ids(network, [one], [])) for ask in (downstream, upstream))
        assert set(down.segment_ids) == reference.walk({head}, True)[1] | {one}
        assert set(up.segment_ids) == reference.walk({tail}, False)[1] | {one}


@settings(max_examples=examples(40), **SLOW)
@given(towns())
def test_up_is_down_seen_from_the_other_end(town: Town) -> None:
    assume(all(state != "closed" for _, state in town.nodes))
    network, reference = town.network(), Reference(town)
    nodes = [node for node, pipes in reference.degree.items() if pipes]
    below = {node: set(downstream(network, located_ids(network, [], [node])).node_ids) for node in nodes}
    above = {node: set(upstream(network, located_ids(network, [], [node])).node_ids) for node in nodes}
    assert all((other in below[one]) == (one in above[other]) for one in nodes for other in nodes)


@settings(max_examples=examples(60), **SLOW)
@given(towns(with_levels=True), st.data())
def test_the_way_lines_are_drawn_changes_nothing_where_levels_or_the_survey_tell_the_flow(
    town: Town, data: st.DataObject
) -> None:
    plain = Reference(town)
    assume(all(why != "drawn" for _, why in plain.why.values()))
    reverse = data.draw(st.sets(st.integers(0, len(town.pipes) - 1)))
    redrawn = Town(
        town.nodes, tuple(pipe.turned() if one in reverse else pipe for one, pipe in enumerate(town.pipes)), town.served
    )
    one, other = town.network(), redrawn.network()
    for node in (node for node, pipes in plain.degree.items() if pipes):
        for ask in (downstream, upstream, blockage):
            as_drawn, as_redrawn = (ask(network, located_ids(network, [], [node])) for network in (one, other))
            assert set(as_drawn.segment_ids) == set(as_redrawn.segment_ids)
            assert set(as_drawn.doubtful_segment_ids) == set(as_redrawn.doubtful_segment_ids)
            assert as_drawn.stop_counts == as_redrawn.stop_counts


@settings(max_examples=examples(60), **SLOW)
@given(towns())
def test_what_drains_another_way_still_gets_past_the_blockage(town: Town) -> None:
    network, reference = town.network(), Reference(town)
    for one in reference.live:
        tail, _ = reference.ends(one, reference.sign[one])
        answer = blockage(network, located_ids(network, [one], []))
        above, _ = reference.walk({tail}, False)
        outlets = {node for node, (kind, _) in enumerate(town.nodes) if kind == "outfall"}
        gets_past = {
            node for node in above
            if (seen := reference.walk({node}, True, frozenset({one}))[0]) - above or seen & outlets
        }  # fmt: skip
        gates = {node for node in above if town.nodes[node] == ("valve", "closed")}
        if not gates:
            kept = {pipe for pipe in reference.walk({tail}, False)[1] - {one}
                    if reference.ends(pipe, reference.sign[pipe])[1] in gets_past}  # fmt: skip
            assert set(answer.another_way_segment_ids) == kept
            held = above - gets_past
            assert answer.held_back.consumers == sum(node in held for node in town.served)
        assert answer.drained.consumers == sum(node in above for node in town.served)


@settings(max_examples=examples(60), **SLOW)
@given(towns())
def test_every_end_of_a_walk_is_told_and_only_ends_are(town: Town) -> None:
    network, reference = town.network(), Reference(town)
    gates = {node for node, (kind, state) in enumerate(town.nodes) if (kind, state) == ("valve", "closed")}
    outfalls = {node for node, (kind, _) in enumerate(town.nodes) if kind == "outfall"}
    tails = {reference.ends(one, sign)[0] for one, sign in reference.sign.items()}
    heads = {reference.ends(one, sign)[1] for one, sign in reference.sign.items()}
    for node in (node for node, pipes in reference.degree.items() if pipes):
        down = downstream(network, located_ids(network, [], [node]))
        ends = {reached for reached in down.node_ids if reached not in tails} | (outfalls | gates) & set(down.node_ids)
        assert {stop.node.node_id for stop in down.stopped_at} == ends
        assert {end.node.node_id for end in down.ends if end.way != "doubtful"} == ends
        up = upstream(network, located_ids(network, [], [node]))
        tops = {reached for reached in up.node_ids if reached not in heads} | gates & set(up.node_ids)
        assert {stop.node.node_id for stop in up.stopped_at} == tops
        reached_none = not outfalls & set(down.node_ids)
        assert ("no-outfall" in {one.code for one in down.assumptions}) == reached_none


def test_a_rising_main_is_followed_and_told() -> None:
    town = Town(
        (("", ""),) * 3 + (("outfall", ""),),
        (Pipe(0, 1, 900, 100, 0), Pipe(1, 2, 100, 8100, 1), Pipe(2, 3, 8100, 8000, 0)),
    )
    network = town.network()
    answer = downstream(network, located_ids(network, [], [0]))
    assert answer.segment_ids == [0, 1, 2] and [end.code for end in answer.ends] == ["outfall"]
    [told] = [one for one in answer.assumptions if one.code == "way-out"]
    assert told.segment_ids == [1] and "+8.00 m" in told.message_en


def test_a_pit_with_no_way_out_stops_the_trace_and_says_so() -> None:
    town = Town((("", ""),) * 4, (Pipe(0, 1, 900, 100, 0), Pipe(2, 1, 900, 100, 0), Pipe(3, 2, 990, 900, 0)))
    network = town.network()
    answer = downstream(network, located_ids(network, [], [0]))
    [stop] = answer.stopped_at
    assert (stop.code, stop.node.node_id) == ("no-way-out", 1) and "泵" in stop.message_zh
    assert "no-outfall" in {one.code for one in answer.assumptions}

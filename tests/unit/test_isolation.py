"""Hand-drawn networks for the cases that go wrong elsewhere. Nodes are letters, a pipe is named by its ends."""

from itertools import pairwise

import pytest

from pipemap.errors import NotFoundError, UsageError
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.isolation import burst
from schemas.isolation import BurstAnswer

KINDS = {
    "S": ("reservoir", "", ""),
    "T": ("tank", "", ""),
    "v": ("valve", "open", "operable"),
    "x": ("valve", "closed", "operable"),
    "?": ("valve", "unknown", "operable"),
    "!": ("valve", "open", "inoperable"),
    "o": ("valve", "closed", "broken_open"),
    "w": ("valve", "open", "broken_closed"),
    ">": ("pressure_reducing_valve", "", ""),
    "h": ("hydrant", "", ""),
}


def ask(
    drawing: str, burst_pipes: str, directed: bool = False, inaccessible: str = "", opened: str = ""
) -> tuple[dict[str, str], BurstAnswer]:
    """Answer for lines of nodes joined by `-`, such as "S1-a-v1-b"; the first character says what a node is."""
    lines = [line.strip().split("-") for line in drawing.strip().splitlines()]
    nodes = list(dict.fromkeys(name for line in lines for name in line))
    pipes = [(a, b) for line in lines for a, b in pairwise(line)]
    named = [KINDS.get(name[0], ("", "", "")) for name in nodes]
    appurtenance, state, operability = zip(*named, strict=True)
    network = network_from_arrays(
        {
            "id": range(len(nodes)),
            "x_m": range(len(nodes)),
            "y_m": [0] * len(nodes),
            "appurtenance": appurtenance,
            "state": state,
            "operability": operability,
        },
        {
            "id": range(len(pipes)),
            "from_id": [nodes.index(a) for a, _ in pipes],
            "to_id": [nodes.index(b) for _, b in pipes],
            "flow": [int(directed)] * len(pipes),
        },
    )
    names = [f"{a}{b}" for a, b in pipes]
    stuck, turned = ([nodes.index(name) for name in some.split()] for some in (inaccessible, opened))
    pipe_ids = [names.index(name) for name in burst_pipes.split()]
    answer = burst(network, pipe_ids, inaccessible=stuck, opened=turned)
    return {
        "close": " ".join(nodes[valve.node_id] for valve in answer.valves_to_close),
        "rely": " ".join(nodes[valve.node_id] for valve in answer.closed_valves_relied_on),
        "isolated": " ".join(names[i] for i in answer.isolated_segment_ids),
        "dry": " ".join(names[i] for i in answer.dry_segment_ids),
        "already": " ".join(names[i] for i in answer.already_dry_segment_ids),
        "warned": " ".join(warning.code for warning in answer.warnings),
    }, answer


def test_a_valve_towards_a_dead_end_stays_open_and_its_side_goes_dry() -> None:
    said, _ = ask("S1-a-v1-b-v2-c", "v1b")
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1b bv2", "v2c")


def test_a_valve_fed_from_both_sides_of_a_ring_is_closed_on_both() -> None:
    said, _ = ask(
        """
        S1-a-v1-b-v2-c
        a-v3-c-d
        """,
        "v1b",
    )
    assert (said["close"], said["dry"]) == ("v1 v2", "")


def test_a_loop_without_valves_is_one_zone() -> None:
    said, _ = ask(
        """
        S1-v1-a-b-c-a
        c-v2-d
        """,
        "bc",
    )
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1a ab bc ca cv2", "v2d")


def test_a_valve_at_the_tank_parts_the_tank() -> None:
    said, _ = ask("T1-v1-a-b", "ab")
    assert (said["close"], said["isolated"], said["warned"]) == ("v1", "v1a ab", "")


def test_a_burst_in_the_zone_of_a_source_has_to_be_shut_at_the_source() -> None:
    said, _ = ask("S1-a-v1-b-v2-T2", "S1a")
    assert (said["close"], said["isolated"], said["warned"]) == ("v1", "S1a av1", "source-in-zone")


def test_nothing_flows_through_a_source() -> None:
    said, _ = ask("S1-v1-a-T2-b-c", "v1a")
    # T2 feeds both its sides; the burst does not reach through it.
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1a aT2", "")
    assert said["warned"] == "source-in-zone tank-undirected"


def test_a_tank_does_not_feed_its_inlet() -> None:
    said, _ = ask("S1-v1-a-T2-b", "v1a", directed=True)
    assert (said["close"], said["isolated"], said["dry"], said["warned"]) == ("v1", "v1a aT2", "", "")


def test_a_closed_valve_with_water_behind_it_is_relied_on() -> None:
    said, _ = ask("S1-v1-a-x1-b-v2-S2", "v1a")
    assert (said["close"], said["rely"], said["dry"]) == ("v1", "x1", "")


def test_what_a_closed_valve_had_cut_off_is_already_dry_not_newly_dry() -> None:
    said, _ = ask("S1-v1-a-x1-b-c", "v1a")
    assert (said["rely"], said["dry"], said["already"]) == ("", "", "x1b bc")


def test_a_burst_behind_a_closed_valve_needs_no_valve_and_says_so() -> None:
    said, _ = ask("S1-v1-a-x1-b-v2-c", "x1b")
    assert (said["close"], said["rely"], said["already"], said["warned"]) == ("", "x1", "v2c", "already-dry")


def test_an_inoperable_valve_widens_the_cut() -> None:
    said, _ = ask("S1-v1-a-!1-b-v2-c", "!1b")
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1a a!1 !1b bv2", "v2c")
    assert said["warned"] == "valve-stuck"


def test_a_valve_of_unknown_state_is_closed_and_the_next_ring_named() -> None:
    said, answer = ask("S1-v1-a-?2-b-c", "bc")
    assert (said["close"], said["isolated"], said["warned"]) == ("?2", "?2b bc", "valve-state-unknown")
    assert "shut instead: 1." in answer.warnings[0].message_en


def test_a_reducing_valve_neither_isolates_nor_lets_water_back() -> None:
    feeding = "S1-v1-a->1-b-v2-c"
    said, _ = ask(feeding, ">1b", directed=True)
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1a a>1 >1b bv2", "v2c")
    said, _ = ask(feeding, "v1a", directed=True)
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1a a>1", ">1b bv2 v2c")


def test_a_district_behind_a_reducing_valve_with_its_own_tank_stays_fed() -> None:
    said, _ = ask("S1-v1-a->1-b-T2", "v1a")
    assert said["warned"] == "source-in-zone tank-undirected one-way-undirected"
    said, _ = ask(
        """
        S1-v1-a->1-b
        T2-b
        """,
        "v1a",
        directed=True,
    )
    assert (said["close"], said["dry"]) == ("v1", "")


def test_closing_a_valve_with_three_sides_parts_the_other_two() -> None:
    said, _ = ask(
        """
        S1-a-v1-b
        v1-c
        """,
        "v1b",
    )
    assert (said["close"], said["isolated"], said["dry"]) == ("v1", "v1b", "v1c")


def test_bursts_at_once_dry_what_neither_dries_alone() -> None:
    ring = """
        S1-a-v1-b-v2-c
        a-v3-d-v4-c-e
        """
    assert ask(ring, "v1b")[0]["dry"] == ask(ring, "v3d")[0]["dry"] == ""
    said, _ = ask(ring, "v1b v3d")
    assert (said["close"], said["dry"]) == ("v1 v3", "v2c v4c ce")


def test_without_a_known_source_the_whole_rim_is_closed_and_said_why() -> None:
    said, _ = ask("a-v1-b-v2-c", "v1b")
    assert (said["close"], said["dry"], said["already"]) == ("v1 v2", "", "")
    assert said["warned"] == "no-source-known"


def test_valves_come_nearest_first() -> None:
    _, answer = ask("S1-v1-a-b-c-v2-S2", "bc")
    assert [valve.order for valve in answer.valves_to_close] == [1, 2]
    assert answer.valves_to_close[0].x_m == 5


def test_a_burst_needs_a_segment_of_the_network() -> None:
    network = network_from_arrays({"id": [1, 2]}, {"id": [5], "from_id": [1], "to_id": [2], "class_code": ["foul"]})
    with pytest.raises(NotFoundError):
        burst(network, [6])
    with pytest.raises(UsageError, match="at least one"):
        burst(network, [])
    with pytest.raises(UsageError, match="pressure"):
        burst(network, [5])
    with pytest.raises(NotFoundError):
        network.with_valves([(5, 3)])
    with pytest.raises(UsageError, match="Two valves"):
        network.with_valves([(5, 1), (5, 1)])


def test_a_last_valve_of_unknown_state_names_the_source_to_shut() -> None:
    _, answer = ask("S1-?1-a-b", "ab")
    assert "shut instead: 0." in answer.warnings[0].message_en


def test_a_valve_broken_open_lets_water_pass_and_one_broken_closed_never_does() -> None:
    said, _ = ask("S1-v1-a-o1-b-v2-c", "o1b")
    assert (said["close"], said["isolated"]) == ("v1", "v1a ao1 o1b bv2")
    said, answer = ask("S1-v1-a-w1-b-v2-S2", "v1a")
    assert (said["close"], said["rely"]) == ("v1", "w1")
    assert answer.closed_valves_relied_on[0].operability_code == "broken_closed"
    # Nothing can be given back through it.
    assert ask("S1-v1-a-v2-b-w1-c-S2", "v1a")[1].back_feeds == []
    assert len(ask("S1-v1-a-v2-b-x1-c-S2", "v1a")[1].back_feeds) == 1


def test_a_valve_that_would_be_opened_beside_the_burst_stays_closed_and_is_told() -> None:
    network_answer = ask("S1-v1-a-x1-b-S2", "v1a", opened="x1")[0]
    assert (network_answer["close"], network_answer["rely"]) == ("v1", "x1")
    assert network_answer["warned"] == "kept-closed"


def test_what_is_opened_and_what_cannot_be_closed_has_to_be_a_valve_of_that_kind() -> None:
    with pytest.raises(UsageError, match="could be opened"):
        ask("S1-v1-a-x1-b-S2", "v1a", opened="v1")
    with pytest.raises(UsageError, match="could be closed"):
        ask("S1-v1-a-x1-b-S2", "v1a", inaccessible="a")

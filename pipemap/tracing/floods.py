"""Walks from zone to zone through devices: what cannot be parted from a burst, and what goes dry beyond a cut.

The walks stay near the cut: whether a zone is still fed is asked by going upstream towards the nearest source,
so the work follows the size of the answer and not that of the network. Arrays are those of `ports.Ports`.
"""

from typing import NamedTuple, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from pipemap.network import Ints, SmallInts
from pipemap.network.grouping import spread
from pipemap.tracing.ports import Flags

# What is known of a zone once some zones are taken out; OPEN_QUESTION and WALKED end as one of the others.
OPEN_QUESTION, FED, LOST, ISOLATED, WALKED = range(5)
_OPEN, _CLOSED, _ONE_WAY, _SOURCE, _STUCK = 1, 2, 3, 4, 5
Statuses = npt.NDArray[np.uint8]
Walk: TypeAlias = list[int]


class Touches(NamedTuple):
    """The columns of `ports.Ports` that walks need, with the kind of every device as the question has it."""

    device: Ints
    zone: Ints
    takes: Flags
    gives: Flags
    device_bounds: Ints
    zone_bounds: Ints
    by_zone: Ints
    kind: SmallInts


@numba.njit(cache=True, nogil=True)
def closure(at: Touches, status: Statuses, zones: Ints) -> Ints:  # pragma: no cover
    """The zones from which water reaches some zones past no valve that can be closed, these included; sorted.

    They are marked ISOLATED in `status`.
    """
    found = list(zones)
    for zone in zones:
        status[zone] = ISOLATED
    turn = 0
    while turn < len(found):
        zone = found[turn]
        turn += 1
        for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
            device = at.device[touch]
            kind = at.kind[device]
            if not at.gives[touch] or (kind != _STUCK and kind != _ONE_WAY):
                continue
            for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
                tail = at.zone[other]
                if at.takes[other] and status[tail] != ISOLATED:
                    status[tail] = ISOLATED
                    found.append(tail)
    return np.sort(np.array(found))


@numba.njit(cache=True, nogil=True)
def parted(
    kind: SmallInts,
    device: Ints,
    zone: Ints,
    takes: Flags,
    gives: Flags,
    device_bounds: Ints,
    zone_bounds: Ints,
    by_zone: Ints,
    hops: Ints,
    is_fed: Flags,
    is_known: Flags,
    segments: Ints,
    segment_bounds: Ints,
    cluster: Ints,
    cluster_bounds: Ints,
    subtree_end: Ints,
    needs_flood: Flags,
    bursts: Ints,
    as_on_the_map: bool,
    anew: bool,
) -> tuple[Statuses, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints]:  # pragma: no cover
    """What parting some zones that burst from every source means, from the kinds of devices and columns of Zones.

    Found are the status of every zone, the devices beside, those of them that are no valves one could turn, the valves
    to close and those relied on (`_turned`), the isolated and the dry zones, and the segments of both, all sorted.
    """
    at = Touches(device, zone, takes, gives, device_bounds, zone_bounds, by_zone, kind)
    status = np.zeros(len(cluster), np.uint8)
    first = cluster[bursts[0]]
    is_alone = as_on_the_map and not needs_flood[first] and (cluster[bursts] == first).all()
    if is_alone:
        # Taking out the one cluster shuts nothing else: what goes dry is the range after it.
        end = cluster_bounds[first + 1]
        isolated, dry = np.arange(cluster_bounds[first], end), np.arange(end, subtree_end[first])
        status[isolated], status[dry] = ISOLATED, LOST
    else:
        isolated, dry = closure(at, status, bursts), bursts[:0]
    beside, far = _rim(at, status, isolated)
    if not is_alone:
        dry = settle(at, hops, status, zone[far], anew)
    valves, relied_on = _turned(at, status, far, is_fed, is_known)
    unusual = beside[(kind[beside] != _OPEN) & (kind[beside] != _CLOSED)]
    cut_off = np.sort(segments[spread(segment_bounds, isolated)])
    left_dry = np.sort(segments[spread(segment_bounds, dry)])
    return status, beside, unusual, valves, relied_on, isolated, dry, cut_off, left_dry


@numba.njit(cache=True, nogil=True)
def _rim(at: Touches, status: Statuses, isolated: Ints) -> tuple[Ints, Ints]:  # pragma: no cover
    """Devices that touch an isolated zone, sorted, and the ports of all but the sources on other zones."""
    beside = [np.int64(0) for _ in range(0)]
    for zone in isolated:
        for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
            beside.append(at.device[touch])
    devices = np.unique(np.array(beside))
    far = [np.int64(0) for _ in range(0)]
    for device in devices:
        if at.kind[device] == _SOURCE:
            continue
        for touch in range(at.device_bounds[device], at.device_bounds[device + 1]):
            if status[at.zone[touch]] != ISOLATED:
                far.append(np.int64(touch))
    return devices, np.array(far)


@numba.njit(cache=True, nogil=True)
def _turned(
    at: Touches, status: Statuses, far: Ints, is_fed: Flags, is_known: Flags
) -> tuple[Ints, Ints]:  # pragma: no cover
    """Valves of the rim with water behind them, or where nobody knows: open ones that can let it in, and closed ones.

    `far` is sorted by device, and so are they.
    """
    valves, relied_on = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    for touch in far:
        zone, device = at.zone[touch], at.device[touch]
        is_wet = status[zone] == FED or (is_fed[zone] and status[zone] == OPEN_QUESTION)
        if not is_wet and is_known[zone]:
            continue
        lets_in = at.kind[device] == _OPEN and at.takes[touch] and _is_shut(at, status, device)
        if lets_in and (len(valves) == 0 or valves[-1] != device):
            valves.append(device)
        if at.kind[device] == _CLOSED and (len(relied_on) == 0 or relied_on[-1] != device):
            relied_on.append(device)
    return np.array(valves), np.array(relied_on)


@numba.njit(cache=True, nogil=True)
def _is_shut(at: Touches, status: Statuses, device: int) -> bool:  # pragma: no cover
    """Whether a device lets no water pass: closed, a source, or an open valve that would let it into the isolated."""
    kind = at.kind[device]
    if kind != _OPEN:
        return kind in (_CLOSED, _SOURCE)
    for touch in range(at.device_bounds[device], at.device_bounds[device + 1]):
        if at.gives[touch] and status[at.zone[touch]] == ISOLATED:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _feeds(at: Touches, status: Statuses, zone: int) -> bool:  # pragma: no cover
    """Whether a source, or a zone known to be fed, gives water straight into a zone."""
    for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
        device = at.device[touch]
        if not at.gives[touch]:
            continue
        if at.kind[device] == _SOURCE:
            return True
        if _is_shut(at, status, device):
            continue
        for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
            if at.takes[other] and status[at.zone[other]] == FED:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def _push_tails(
    at: Touches,
    hops: Ints,
    status: Statuses,
    from_zone: Ints,
    here: int,
    nearer: bool,
    anew: bool,
    walked: Walk,
    stack: Walk,
) -> None:  # pragma: no cover
    """Put the unsettled zones that give water into one on the stack: those nearer to a source, or the others."""
    for touch in at.by_zone[at.zone_bounds[here] : at.zone_bounds[here + 1]]:
        device = at.device[touch]
        if not at.gives[touch] or _is_shut(at, status, device):
            continue
        for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
            tail = at.zone[other]
            if not at.takes[other] or status[tail] != OPEN_QUESTION or not (anew or hops[tail] >= 0):
                continue
            if (hops[tail] >= 0 and hops[tail] < hops[here]) == nearer:
                status[tail], from_zone[tail] = WALKED, here
                walked.append(tail)
                stack.append(tail)


@numba.njit(cache=True, nogil=True)
def _search(
    at: Touches, hops: Ints, status: Statuses, from_zone: Ints, zone: int, anew: bool
) -> None:  # pragma: no cover
    """Settle one zone: walk upstream, nearest to a source first, until one is found or nothing is left.

    Everything on the way found is FED; without a way everything walked is LOST.
    """
    walked, stack = [zone], [zone]
    status[zone], from_zone[zone] = WALKED, -1
    while len(stack) > 0:
        here = stack.pop()
        if _feeds(at, status, here):
            for seen in walked:
                status[seen] = OPEN_QUESTION
            while here >= 0:
                status[here] = FED
                here = from_zone[here]
            return
        _push_tails(at, hops, status, from_zone, here, False, anew, walked, stack)
        _push_tails(at, hops, status, from_zone, here, True, anew, walked, stack)
    for seen in walked:
        status[seen] = LOST


@numba.njit(cache=True, nogil=True)
def settle(at: Touches, hops: Ints, status: Statuses, zones: Ints, anew: bool) -> Ints:  # pragma: no cover
    """Settle some zones and whatever goes dry behind them; the fed zones that are LOST, sorted.

    `status` has the isolated zones marked. Zones that no source reached before (`hops` below 0) stay as they are,
    unless valves were opened for the question (`anew`).
    """
    from_zone = np.empty(len(status), np.int64)
    queue = list(zones)
    dry = [np.int64(0) for _ in range(0)]
    turn = 0
    while turn < len(queue):
        zone = queue[turn]
        turn += 1
        if status[zone] == OPEN_QUESTION and (anew or hops[zone] >= 0):
            _search(at, hops, status, from_zone, zone, anew)
        if status[zone] != LOST or hops[zone] < 0:
            continue
        status[zone] = WALKED
        dry.append(zone)
        for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
            device = at.device[touch]
            if not at.takes[touch] or _is_shut(at, status, device):
                continue
            for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
                if at.gives[other]:
                    queue.append(at.zone[other])
    for zone in dry:
        status[zone] = LOST
    return np.sort(np.array(dry))


@numba.njit(cache=True, nogil=True)
def reach(at: Touches, status: Statuses, zones: Ints) -> Ints:  # pragma: no cover
    """The LOST zones that water comes to from some of them, these included; sorted. `status` is left as it was."""
    found = list(zones)
    for zone in zones:
        status[zone] = WALKED
    turn = 0
    while turn < len(found):
        zone = found[turn]
        turn += 1
        for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
            device = at.device[touch]
            if not at.takes[touch] or _is_shut(at, status, device):
                continue
            for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
                head = at.zone[other]
                if at.gives[other] and status[head] == LOST:
                    status[head] = WALKED
                    found.append(head)
    for zone in found:
        status[zone] = LOST
    return np.sort(np.array(found))


@numba.njit(cache=True, nogil=True)
def unfed_above(at: Touches, hops: Ints, status: Statuses, zones: Ints) -> Ints:  # pragma: no cover
    """Zones that no source reached before but that would pass water on to some LOST ones; marked LOST as well."""
    queue = list(zones)
    turn = 0
    while turn < len(queue):
        zone = queue[turn]
        turn += 1
        for touch in at.by_zone[at.zone_bounds[zone] : at.zone_bounds[zone + 1]]:
            device = at.device[touch]
            if not at.gives[touch] or _is_shut(at, status, device):
                continue
            for other in range(at.device_bounds[device], at.device_bounds[device + 1]):
                tail = at.zone[other]
                if at.takes[other] and hops[tail] < 0 and status[tail] == OPEN_QUESTION:
                    status[tail] = LOST
                    queue.append(tail)
    return np.array(queue[len(zones) :])


@numba.njit(cache=True, nogil=True)
def unfed_beside(
    unfed: tuple[Ints, Ints], area: Ints, segment_zone: Ints, zones: Ints, status: Statuses
) -> Ints:  # pragma: no cover
    """Segments that no source reached before, in the areas of some zones, but for the isolated ones; sorted.

    `unfed` are those of all areas with their bounds.
    """
    segments, bounds = unfed
    there = segments[spread(bounds, np.unique(area[zones]))]
    return np.sort(there[status[segment_zone[there]] != ISOLATED])

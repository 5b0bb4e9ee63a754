"""What a proposed route is in words, English and Chinese."""

from collections.abc import Sequence

from pipemap.clearance.geometry3d import Floats
from schemas.clearance import CannotTell, Conflict
from schemas.routing import RouteCrossing


def proposal_words(
    found: bool,
    length_m: float,
    cover_m: Floats,
    crossings: Sequence[RouteCrossing],
    conflicts: Sequence[Conflict],
    unknown: Sequence[CannotTell],
) -> tuple[str, str]:
    """One sentence about a route, or about why there is none; `cover_m` is empty where no way joins the ends."""
    if len(cover_m) == 0:
        return "The corridor holds no way between the ends.", "走廊内两端点之间不连通。"
    if not found:
        return _blocked(len(_others(conflicts)), len(_others(unknown)))
    least_m, greatest_m = cover_m.min(), cover_m.max()
    count = len({each.other_id for each in crossings})
    english = (
        f"A route of {length_m:.1f} m with {least_m:.2f} to {greatest_m:.2f} m of cover that crosses {count} pipes."
    )
    chinese = f"路由长 {length_m:.1f} m，覆土 {least_m:.2f}～{greatest_m:.2f} m，交叉 {count} 条管线。"
    return english, chinese


def _others(found: Sequence[Conflict] | Sequence[CannotTell]) -> set[tuple[str | None, int | None]]:
    return {(each.other_kind, each.other_id) for each in found}


def _blocked(too_near: int, untold: int) -> tuple[str, str]:
    english = f"There is no route that keeps every clearance: the nearest to one is too near to {too_near} features"
    chinese = f"没有满足全部净距的路由：最接近的走法仍与 {too_near} 处设施净距不足"
    if untold:
        english += f", and of {untold} nobody can tell"
        chinese += f"，另有 {untold} 处无法判断"
    return english + ".", chinese + "。"

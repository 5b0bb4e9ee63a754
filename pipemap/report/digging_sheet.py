"""The sheet that goes with a dig: map, the pipes in the area, whom to call, what to mind, for whom and how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipemap.excavating.precautions import precautions
from pipemap.map_picture import dark_colour
from pipemap.report.digging_map import draw_digging
from pipemap.report.sheets import asset, names, render
from pipemap.sharing.digging import Digging


@dataclass(frozen=True)
class Owner:
    """Whom to call about which rows."""

    name: str
    telephone: str | None
    class_codes: Sequence[str]
    pipes: int


def render_digging_sheet(content: Digging, mark: str, language: str) -> str:
    """The sheet as one self-contained HTML page that opens in `language` (zh or en); a switch shows the other.

    `mark` is the number that names this copy.
    """
    return render(
        "digging_sheet.html.jinja",
        sheet=content,
        grant=content.grant,
        request=content.request,
        mark=mark,
        language=language if language in ("zh", "en") else "zh",
        map=draw_digging(content.area, content.pipes, len(content.rows)),
        colours={count.class_code: dark_colour(count.class_code) for count in content.counts},
        owners=_owners(content),
        precautions=precautions(count.class_code for count in content.counts),
        area_m2=content.area.area,
        printed_at=datetime.now().astimezone(),
        expires_at=content.grant.expires_at.astimezone(),
        names=names("utility_class", "material", "depth_datum", "request_purpose", "lifecycle"),
        style=asset("burst_sheet.css") + asset("digging_sheet.css"),
    )


def _owners(content: Digging) -> list[Owner]:
    by_owner: dict[str, list[str]] = {}
    for pipe in content.pipes:
        by_owner.setdefault(pipe["owner"] or "", []).append(pipe["class_code"])
    return [
        Owner(name, content.telephones.get(name), sorted(set(codes)), len(codes))
        for name, codes in sorted(by_owner.items(), key=lambda one: (not one[0], -len(one[1])))
    ]

"""Who looked at what, for staff: as JSON under the API, and as a page with a map picture."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from api.deps import STRICT, OffsetParam, ServiceDep
from api.features import as_json
from api.staff_pages import Language, paging, staff_page
from pipemap.errors import UsageError
from pipemap.sharing.looks import LooksFilter, as_document, draw_looks, list_agencies, list_looks
from schemas.codetables import code_table
from schemas.tables import LARGEST_ID

router = APIRouter(tags=["sharing"], prefix="/audit", dependencies=[STRICT])
page = APIRouter(prefix="/audit", include_in_schema=False, dependencies=[STRICT])

ACTIONS = {
    "share.items": ("features", "要素"),
    "share.tile": ("tile", "瓦片"),
    "share.export": ("package", "数据包"),
    "share.export.ask": ("package asked for", "申请数据包"),
    "share.export.cancel": ("package called off", "取消数据包"),
    "share.download": ("package fetched", "下载数据包"),
    "share.changes": ("changes", "变更"),
    "share.sheet": ("digging sheet", "开挖告知单"),
    "share.hook": ("told of changes", "变更通知"),
    "share.hook.register": ("webhook named", "登记变更通知"),
    "share.sites": ("sensitive sites", "敏感场所"),
    "share.sign-in": ("signed in to the map", "登录地图"),
    "share.sign-out": ("signed out of the map", "退出地图"),
    "share.scene": ("map drawn", "查看地图"),
    "share.feature": ("details", "查看属性"),
    "share.search": ("search", "查找"),
    "share.excavation": ("dig", "开挖分析"),
    "share.section": ("section", "断面"),
    "share.profile": ("long profile", "纵断面"),
    "share.clearance": ("clearance", "净距"),
    "share.conflicts": ("conflicts", "净距冲突"),
    "share.corridor": ("along a line", "沿线查询"),
    "share.near": ("near a place", "邻近查询"),
    "share.burst": ("burst", "爆管"),
    "share.statistics": ("counts", "统计"),
    "share.request": ("request for data", "提交申请"),
    "share.stopped": ("stopped: area used up", "面积用尽被拒"),
    "share.refused": ("refused", "被拒绝"),
}
_PER_PAGE = 100


async def read_filter(
    agency: Annotated[str, Query(description="Only of this agency")] = "",
    action: Annotated[str, Query(description="Only this action, for example share.items")] = "",
    since: Annotated[str, Query(description="From this day, or instant with its time zone")] = "",
    until: Annotated[str, Query(description="To the end of this day, or before this instant")] = "",
    class_code: Annotated[str, Query(description="Under agreements that grant this class")] = "",
    feature_id: Annotated[str, Query(description="Only reads whose answer can have held this feature")] = "",
) -> LooksFilter:
    """The filters of a list of looks; an empty one is none, as a form sends it."""
    if feature_id and not (feature_id.isdecimal() and int(feature_id) <= LARGEST_ID):
        raise UsageError(f"{feature_id} is not the number of a feature.")
    return LooksFilter(
        agency or None,
        action or None,
        _moment(since, timedelta()),
        _moment(until, timedelta(days=1)),
        class_code or None,
        int(feature_id) if feature_id else None,
    )


FilterDep = Annotated[LooksFilter, Depends(read_filter)]


@router.get("")
def looks(
    service: ServiceDep,
    filters: FilterDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = _PER_PAGE,
    offset: OffsetParam = 0,
) -> Response:
    """What agencies read, newest first: who, when, under which agreement and key, where, which features, how much."""
    with service.reading() as connection:
        return as_json([as_document(look) for look in list_looks(connection, filters, limit, offset)])


@page.get("")
def looks_page(
    service: ServiceDep,
    request: Request,
    filters: FilterDep,
    language: Language = None,
    offset: OffsetParam = 0,
) -> HTMLResponse:
    """The same as a page with filters and a map of what was read."""
    with service.reading() as connection:
        found = list_looks(connection, filters, _PER_PAGE + 1, offset)
        agencies = list_agencies(connection)
        picture = draw_looks(connection, found[:_PER_PAGE])
    given = {name: request.query_params.get(name, "") for name in vars(filters)}
    return staff_page(
        request,
        service,
        "audit.html",
        language,
        looks=found[:_PER_PAGE],
        agencies=agencies,
        picture=Markup(picture) if picture else None,
        classes=code_table("utility_class").values(),
        actions=ACTIONS,
        given=given,
        page_of=lambda **more: "?" + urlencode(given | {"language": language or service.settings.language} | more),
        **paging(offset, _PER_PAGE, len(found) > _PER_PAGE),
    )


def _moment(text: str, whole_day: timedelta) -> datetime | None:
    if not text:
        return None
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time.min, UTC).astimezone() + whole_day
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text} is neither a day (2026-12-31) nor an instant with its time zone.") from error
    if moment.tzinfo is None:
        raise UsageError(f"{text} has no time zone.")
    return moment

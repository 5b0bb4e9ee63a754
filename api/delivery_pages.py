"""`/deliveries`: the page on which a delivery is handed in, with what has become of those before it."""

import base64
import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from api.deps import STRICT, ServiceDep
from api.html import FORM
from api.staff_pages import Language, staff_page
from pipemap.drafts import dataset_names
from pipemap.jobs import deliveries

router = APIRouter(prefix="/deliveries", include_in_schema=False, dependencies=[STRICT])
_LISTED = 50
_SCRIPT = (files("api") / "pages" / "deliveries.js").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
# Only this very script may run, and it speaks to this service alone.
_POLICY = f"{FORM['Content-Security-Policy']}; script-src 'sha256-{_HASH}'; connect-src 'self'"


@router.get("")
def deliveries_page(request: Request, service: ServiceDep, language: Language = None) -> HTMLResponse:
    """The form, and the newest deliveries."""
    with service.reading() as connection:
        rows = deliveries.jobs(connection, _LISTED)
        datasets = dataset_names(connection)
    page = staff_page(
        request, service, "deliveries.html", language,
        rows=rows, datasets=datasets, script=Markup(_SCRIPT), max_mb=service.settings.max_upload_mb,
    )  # fmt: skip
    page.headers["Content-Security-Policy"] = _POLICY
    return page

"""`pipemap demo`: the main job on the sample district, from files to a published map that is served."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shapely.geometry import Polygon

from importers.delivery import read_delivery
from pipemap.checks import Proposed, run_checks
from pipemap.commands.words import Words
from pipemap.contacts import set_contact
from pipemap.db import Connection, Database, fetch_all
from pipemap.findings import count_findings
from pipemap.ingest import create_import
from pipemap.projects import Project, init_project
from pipemap.publishing import publish
from pipemap.sharing.agreements import Terms, agree, issue_key, list_agreements
from pipemap.versions import find_feature
from sample_data.district import Dataset, District
from sample_data.streets import plan_xy_m

AUTHOR = "demo"
_APPROVER = "demo-approver"
_AGENCY = "青禾区消防救援大队"
WAIVER = "planted fault of the sample district"
# Nobody has these.
_TELEPHONES = {"青禾水务": "0755-555 0101", "青禾燃气": "0755-555 0102", "青禾热力": "0755-555 0103",
               "青禾供电": "0755-555 0104", "青禾通信": "0755-555 0105"}  # fmt: skip

Say = Callable[[str], None]


def load_district(database: Database, district: District, say: Say) -> None:
    """Import, check and publish every delivery of the district that the database does not hold yet."""
    project = init_project(database, "青禾区")
    missing = _missing(database, district)
    for dataset in missing:
        say(_load(database, project, dataset))
    if missing:
        with database.transaction() as connection:
            for owner, telephone in _TELEPHONES.items():
                set_contact(connection, owner, telephone, AUTHOR)


def worth_trying(database: Database, district: District, address: str, program: str, words: Words) -> list[str]:
    """Six things to try on the loaded district, each a line to click or to copy; `program` starts pipemap."""
    key = json.loads(district.answer_key.read_text(encoding="utf-8"))
    clash = next(fault for fault in district.faults if fault.name == "collision")
    with database.transaction() as connection:
        main = find_feature(connection, key["burst"]["segment"], key["burst"]["dataset"])
        conduit = find_feature(connection, clash.key, clash.dataset)
        agency_key = _agency_key(connection)
    share = f"curl -H 'X-API-Key: {agency_key}' -o share.zip '{address}/share/export?format=gpkg'"
    tried = (
        ("look at the map, click a pipe, go below the ground:     ", "看图，点选管线，转入地下：", f"{address}/"),
        ("burst the main in front of the hospital:                ", "医院门前的给水干管爆管：",
         f"{program} trace burst --segment {main}"),
        ("a conduit driven through a gas main:                    ", "顶穿燃气干管的电力套管：",
         f"{program} clearance --segment {conduit}"),
        ("what changed, and who changed it:                       ", "改了什么，谁改的：",
         f"{program} log && {program} diff 1..2"),
        ("what the fire service may see (water only, one quarter): ", "消防部门可见内容（仅给水，四分之一片区）：",
         f"{address}/map  ({words.of('its key', '密钥')}: {agency_key})"),
        ("the same to take away:                                  ", "打包取用同样的内容：", share),
    )  # fmt: skip
    return [words.of(english, chinese) + what for english, chinese, what in tried]


def _agency_key(connection: Connection) -> str:
    """A fresh key of the fire service's agreement, which is made on the first run."""
    found = list_agreements(connection, agency=_AGENCY)
    agreement = int(found[0]["agreement_id"]) if found else agree(connection, _terms(connection), _APPROVER, AUTHOR)
    return issue_key(connection, agreement, AUTHOR)


def _terms(connection: Connection) -> Terms:
    corners = [plan_xy_m(u, v) for u, v in ((-60.0, -60.0), (300.0, -60.0), (300.0, 300.0), (-60.0, 300.0))]
    attributes = ("source_key", "width_mm", "height_mm", "material_code", "appurtenance_code", "valve_state_code")
    expires_at = datetime.now(UTC) + timedelta(days=180)
    return Terms(_AGENCY, "火灾扑救 / fire fighting", Polygon(corners), ("water",), attributes, expires_at)


def _missing(database: Database, district: District) -> list[Dataset]:
    with database.transaction(read_only=True) as connection:
        published = fetch_all(
            connection,
            "SELECT d.name FROM pipemap.dataset d JOIN pipemap.changeset c USING (dataset_id)"
            " WHERE c.state = 'published'",
        )
    names = {row["name"] for row in published}
    return [dataset for dataset in district.datasets if dataset.name not in names]


def _load(database: Database, project: Project, dataset: Dataset) -> str:
    delivery = read_delivery(
        list(dataset.files), profile=None, srid=project.srid, source_crs=f"EPSG:{project.srid}", dataset=dataset.name
    )
    proposed = Proposed()
    changeset = create_import(database, delivery, title=dataset.title, author=AUTHOR, follower=proposed)
    run_checks(database, changeset, proposed=proposed)
    with database.transaction(read_only=True) as connection:
        found = count_findings(connection, changeset)
    waivers = {row["rule"]: WAIVER for row in found if row["severity"] == "error"}
    version = publish(database, changeset, message=dataset.title, author=AUTHOR, waivers=waivers)
    loaded = sum(count.loaded for count in delivery.counts)
    findings = sum(row["count"] for row in found)
    return Words().of(
        f"version {version}: {dataset.title}, {loaded} rows loaded, {findings} findings",
        f"版本 {version}：{dataset.title}，入库 {loaded} 行，问题 {findings} 个",
    )

"""`python -m bench.conflicts FOLDER`: the city-wide run on real deliveries, and what it says of each."""

import sys
from collections import Counter
from pathlib import Path

from bench.evidence import DELIVERIES
from bench.serving import own_server
from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_run
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.projects import create_database, init_project
from pipemap.publishing import blocking_findings, publish
from schemas.clearance import StoredRun

# One map each, of one or more deliveries by their names in the table of evidence, in a CRS.
CITIES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("Shenzhen survey", 4547, ("Shenzhen survey, Access",)),
    ("Schutterwald, gas and heat", 25832, ("Schutterwald gas", "Schutterwald heat")),
    ("Nagaoka PLATEAU", 6676, ("Nagaoka PLATEAU",)),
    ("Giswater, water and drainage", 25831, ("Giswater water", "Giswater drainage")),
    ("Melbourne sewer", 7855, ("Melbourne sewer, GeoJSON",)),
    ("TEKSI", 2056, ("TEKSI, INTERLIS 2",)),
)
_COLUMNS = (
    "collide",
    "too near over another",
    "too near beside",
    "too shallow",
    "of these beyond doubt",
    "one trench",
    "cannot tell: height",
    "size",
    "cover",
)


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1])
    print(f"| delivery | pipes | {' | '.join(_COLUMNS)} |\n|---|{'---|' * (1 + len(_COLUMNS))}")
    with own_server() as (cluster, _):
        for number, (title, srid, parts) in enumerate(CITIES):
            with Database(_made(cluster.url(f"city_{number}"))) as database:
                init_project(database, title, srid)
                for name in parts:
                    _bring_in(database, folder, name, srid)
                run_city(database)
                with database.transaction(read_only=True) as connection:
                    print(row(title, stored_run(connection)), flush=True)


def row(title: str, run: StoredRun) -> str:
    """One line of the table, from what a run counted."""
    counts = Counter({(each.kind.value, each.state): each.count for each in run.counts})
    told = [
        counts["collision", "conflict"],
        counts["vertical", "conflict"],
        sum(counts[kind, "conflict"] for kind in ("horizontal", "stacked", "under_building")),
        counts["cover", "conflict"],
        sum(each.certain for each in run.counts if each.state == "conflict"),
        sum(each.count for each in run.counts if each.state == "same_trench"),
        *(counts[kind, "cannot_tell"] for kind in ("vertical", "horizontal", "cover")),
    ]
    return f"| {title} | {run.segments} | {' | '.join(map(str, told))} |"


def _made(url: str) -> str:
    create_database(url)
    return url


def _bring_in(database: Database, folder: Path, name: str, srid: int) -> None:
    _, _, told, files = next(each for each in DELIVERIES if each[0] == name)
    delivery = read_delivery([folder / file for file in files], srid=srid, dataset=name, **told)
    changeset = create_import(database, delivery, title=name, author="bench")
    run_checks(database, changeset)
    with database.transaction(read_only=True) as connection:
        errors = blocking_findings(connection, changeset)
    publish(database, changeset, message=name, author="bench", waivers=dict.fromkeys(errors, "as delivered"))


if __name__ == "__main__":
    main()

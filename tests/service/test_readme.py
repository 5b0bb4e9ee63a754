"""The tour of README.md, typed as it stands there, on the demo's map."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipemap.cluster import Cluster
from tests.conftest import Clone
from tests.service.program import Nursery, Outcome, Program

README = Path(__file__).parents[2] / "README.md"
# What the shell does itself, and what needs the network, the service or the make file.
LEFT_TO_OTHERS = ("make", "source", "curl", "ogr2ogr")


def _lines() -> Iterator[str]:
    """Every command of the blocks of shell, in order, without comments."""
    for block in re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            yield from (re.sub(r"\s+# .*", "", part).strip() for part in line.split(" && "))


TYPED = [line for line in _lines() if line and not line.startswith(LEFT_TO_OTHERS)]
TOUR = [line for line in TYPED if line.startswith("pipemap ")]


@pytest.fixture(scope="module")
def program(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("tour"), clone(template, "readme"))


@pytest.fixture(scope="module")
def outcomes(program: Program, nursery: Nursery) -> dict[str, Outcome]:
    (program.folder / "tables").mkdir()
    typed = {line: shlex.split(line, comments=True)[1:] for line in TOUR}
    return nursery.run_all(program, {"demo": ["demo", "--no-serve"], **typed})


def test_readme_holds_no_line_that_nobody_tries(program: Program, cluster: Cluster) -> None:
    rest = [words for line in TYPED if line not in TOUR and (words := shlex.split(line, comments=True))]
    assert rest == [
        ["PIPEMAP_DATABASE_NAME=mycity", "pipemap", "init", "--name", "我市", "--crs", "EPSG:4547"],
        ["mkdir", "-p", "tables"],
    ]
    beside = replace(program, url=cluster.url("readme_mycity"))
    assert beside.run(*rest[0][2:]).exit_code == 0
    assert len(set(TOUR)) == len(TOUR)


@pytest.mark.parametrize("line", TOUR)
def test_a_line_of_the_tour_does_what_it_says(line: str, outcomes: dict[str, Outcome]) -> None:
    ended = outcomes[line]
    assert ended.exit_code == 0, ended.err
    assert ended.out or ended.err

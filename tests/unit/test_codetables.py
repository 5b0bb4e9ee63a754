import re
from pathlib import Path

import pytest

from schemas.codetables import CODE_TABLES, aliases, code_table, limits


@pytest.mark.parametrize("name", CODE_TABLES)
def test_every_code_has_both_names(name: str) -> None:
    assert all(code.name_en and code.name_zh for code in code_table(name).values())


def test_survey_words_lead_to_codes() -> None:
    assert aliases("appurtenance")["消火栓"] == "hydrant"
    assert aliases("material")["砼"] == "concrete"
    assert aliases("feature")["拐点"] == "bend"


@pytest.mark.parametrize("name", ["clearance_horizontal", "clearance_vertical", "cover_depth"])
def test_every_limit_names_its_standard_and_confidence(name: str) -> None:
    assert all(row["standard"] and row["confidence"] for row in limits(name))


def test_every_kind_of_finding_of_an_import_has_a_name_in_both_languages() -> None:
    root = Path(__file__).parents[2]
    sources = [path for folder in ("importers", "pipemap") for path in (root / folder).rglob("*.py")]
    used = set[str]().union(*(re.findall(r'"(IMP-[A-Z]+)"', path.read_text(encoding="utf-8")) for path in sources))
    named = code_table("import_finding")
    assert used == named.keys()
    assert all(one.name_en and one.name_zh for one in named.values())

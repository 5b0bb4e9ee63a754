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

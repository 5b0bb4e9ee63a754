"""What to mind at a dig, by what lies there."""

from collections.abc import Iterable

from schemas.codetables import Code, code_table


def precautions(class_codes: Iterable[str]) -> list[Code]:
    """Those for every dig, then those for the groups of these utility classes."""
    groups = {code_table("utility_class")[code].fields["group_code"] for code in class_codes} | {""}
    return [one for one in code_table("dig_precaution").values() if one.fields["group_code"] in groups]

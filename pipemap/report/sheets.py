"""What sheets of A4 have in common: templates with their style, and names of codes in both languages."""

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from schemas.codetables import code_table


def asset(name: str) -> str:
    """A file of this package as text."""
    return (files("pipemap.report") / name).read_text(encoding="utf-8")


def render(template: str, **values: object) -> str:
    """A template of this package, filled; whatever is put in is text, never markup."""
    environment = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(**values)


def names(*tables: str) -> dict[str, dict[str, tuple[str, str]]]:
    """English and Chinese names by table and code."""
    return {
        table: {code: (found.name_en, found.name_zh) for code, found in code_table(table).items()} for table in tables
    }

"""What every command says, in the one language of the setting PIPEMAP_LANGUAGE."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Protocol

import typer

from pipemap.commands.vocabulary import COLUMNS, TERMS
from pipemap.errors import PipemapError
from pipemap.settings import Settings
from pipemap.terminal import emit_table, say
from schemas.codetables import code_table

Texts = Mapping[str, tuple[str, str]]


class Language(StrEnum):
    """Languages of what is said."""

    ZH = "zh"
    EN = "en"


CLASSES_TOLD = ", ".join(code_table("utility_class"))
BURIALS_TOLD = ", ".join(code_table("burial"))
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="Of the drawing: zh or en; PIPEMAP_LANGUAGE by default.")
]


class Told(Protocol):
    """Something that is told in both languages."""

    @property
    def message_en(self) -> str:
        """In English."""

    @property
    def message_zh(self) -> str:
        """In Chinese."""


class Words:
    """Speaks one language: sentences, names of columns, of codes and of the model's own words."""

    texts: ClassVar[Texts] = {}

    def __init__(self, language: str | None = None) -> None:
        self.language = language or Settings().language
        self.is_chinese = self.language == "zh"

    def of(self, english: str, chinese: str) -> str:
        """The one of two texts that is in the language."""
        return chinese if self.is_chinese else english

    def say(self, text: str, /, **values: object) -> str:
        """A text of the class's own with its values filled in."""
        return self.of(*self.texts[text]).format(**values)

    def message(self, told: Told) -> str:
        """What an answer says in both languages."""
        return self.of(told.message_en, told.message_zh)

    def error(self, error: PipemapError) -> str:
        """What an error says; in Chinese only where it knows how."""
        return error.told(self.language)

    def code(self, table: str, code: str | None) -> str:
        """Name of a code; `?` where it is not known."""
        known = code_table(table).get(code or "")
        return (code or "?") if known is None else self.of(known.name_en, known.name_zh)

    def class_(self, code: str | None) -> str:
        """Name of a utility class."""
        return self.code("utility_class", code)

    def term(self, word: str | None) -> str | None:
        """Name of a kind, a state or another of the model's own words; what has none stands for itself."""
        return self.of(*TERMS[word]) if word in TERMS else word

    def attribute(self, name: str) -> str:
        """Name of an attribute of a feature."""
        known = code_table("attribute").get(name)
        return name if known is None else self.of(known.name_en, known.name_zh)

    def listed(self, names: Iterable[str]) -> str:
        """Names one after the other."""
        return self.of(", ", "、").join(names)

    def joined(self, *sentences: str) -> str:
        """Sentences one after the other, empty ones left out."""
        return self.of(" ", "").join(filter(None, sentences))

    def heads(self, columns: Iterable[str]) -> list[str]:
        """Names of columns that are given in English."""
        return [self.of(name, COLUMNS[name]) for name in columns]

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table whose columns are given in English."""
        emit_table(title, self.heads(columns), rows)

    def notes(self, notes: Iterable[Told]) -> None:
        """Say what an answer rests on, on standard error."""
        for one in notes:
            say(self.message(one))


def chosen(language: Language | None) -> Literal["zh", "en"]:
    """The language of a drawing or a report: the one asked for, or that of the settings."""
    return Settings().language if language is None else language.value


def metres(value: float | None) -> str:
    """A length to the centimetre; `?` where it is not known."""
    return "?" if value is None else f"{value:.2f}"


def clock(moment: datetime | None) -> str | None:
    """A moment to the minute, in this machine's time."""
    return None if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"

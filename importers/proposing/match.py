"""What a column may be taken for: an attribute, how sure that is, and why."""

from dataclasses import dataclass

ADOPTED = 0.5
_SURENESS = (
    (0.99, ("certain", "确定")),
    (0.8, ("likely", "很可能")),
    (ADOPTED, ("possible", "可能")),
    (0.0, ("doubtful", "存疑")),
)
MENTIONED = 0.25


@dataclass(frozen=True)
class Reason:
    """Why something is thought, in both languages."""

    en: str
    zh: str

    def but(self, other: "Reason") -> "Reason":
        """The reason with another one behind it."""
        return Reason(f"{self.en}; {other.en}", f"{self.zh}；{other.zh}")


@dataclass(frozen=True)
class Match:
    """An attribute that a column may be, how sure that is (0 to 1), and why; `by_values` when no name says so."""

    attribute: str
    certainty: float
    why: Reason
    by_values: bool = False


def sureness(certainty: float) -> str:
    """A certainty as a number with words."""
    return f"{certainty:.2f} {' '.join(sureness_words(certainty))}"


def sureness_words(certainty: float) -> tuple[str, str]:
    """How sure a certainty is, in English and Chinese."""
    return next(words for least, words in _SURENESS if certainty >= least)

"""The words in which a drawing is refused; readers that need no drawing library take them from here."""

from pathlib import Path

from pipemap.errors import SourceError


def refusal(path: Path, what_en: str, what_zh: str) -> SourceError:
    """The error that a file cannot be read."""
    words_en = " ".join(what_en.replace(str(path), path.name).split()).replace(" )", ")")
    return SourceError(f"{path.name} {words_en}.", message_zh=f"{path.name} {what_zh}。")

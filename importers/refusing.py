"""The words in which a delivered file is refused; every reader takes them from here."""

from pathlib import Path

from pipemap.errors import SourceError


def refusal(path: Path, what_en: str, what_zh: str) -> SourceError:
    """The error that names the file and says what is wrong with it; no folder of ours is named."""
    words_en = " ".join(what_en.replace(str(path), path.name).split()).replace(" )", ")")
    return SourceError(f"{path.name} {words_en}.", message_zh=f"{path.name} {what_zh}。")

"""What `pipemap section` says of options it cannot read, before it asks the map."""

import pytest
from typer.testing import CliRunner

from pipemap import cli
from pipemap.errors import UsageError


@pytest.mark.parametrize(("option", "line", "pipe"), [("--pipe", "0 0,20 0", "0 0,twenty"), ("--line", "0 0,up", None)])
def test_the_option_that_cannot_be_read_is_the_one_that_is_named(option: str, line: str, pipe: str | None) -> None:
    words = ["--line", line, "--class", "water", "--width", "300", *(["--pipe", pipe] if pipe else [])]
    with pytest.raises(UsageError, match=f"^{option} takes numbers"):
        CliRunner().invoke(cli.build(["section"]), ["section", *words], catch_exceptions=False)

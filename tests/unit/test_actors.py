"""Who acts: names that are compared by the person, and names that cannot be made to look proven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipemap.actors import claimed, demand_another, named, proven
from pipemap.errors import PermissionDeniedError, UsageError
from pipemap.settings import Settings

SUBJECTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255)


@given(SUBJECTS, st.text(), st.text())
def test_a_subject_is_one_person_under_any_name(subject: str, name: str, later: str) -> None:
    with pytest.raises(PermissionDeniedError):
        demand_another(proven(subject, name), proven(subject, later), "request 1")


@given(SUBJECTS, SUBJECTS, st.text())
def test_two_subjects_are_two_persons_under_one_name(subject: str, other: str, name: str) -> None:
    if subject != other:
        demand_another(proven(subject, name), proven(other, name), "request 1")


@given(SUBJECTS, st.text())
def test_a_name_given_beside_a_token_decides_nothing_that_a_proven_identity_wrote(subject: str, name: str) -> None:
    with pytest.raises(PermissionDeniedError):
        demand_another(proven(subject), claimed(name), "request 1")


def test_a_name_is_the_same_person_at_the_command_line_and_beside_the_token() -> None:
    with pytest.raises(PermissionDeniedError, match="author"):
        demand_another("manager", claimed("manager"), "changeset 1")
    with pytest.raises(PermissionDeniedError, match="author"):
        demand_another(claimed(" manager\n"), "manager", "changeset 1")
    demand_another(claimed("clerk"), proven("77aa", "clerk"), "changeset 1")


@pytest.mark.parametrize(
    ("author", "typed"),
    [
        ("li ming", "Li Ming"),
        ("li ming", " li  ming"),
        ("li ming", "ＬＩ ＭＩＮＧ"),
        ("li ming", "LiMing"),
        ("li ming", "li.ming"),
        ("li ming", "li\u200b ming\u200e"),
        ("clerk", "\u0441l\u0435rk"),
        ("王敏", "王 敏"),
        ("王敏", "王\u3000敏"),
        ("王敏", "王\u200b敏"),
        ("王敏", "王敏。"),
        ("...", " ... "),
    ],
)
def test_nobody_is_another_person_by_another_spelling(author: str, typed: str) -> None:
    with pytest.raises(PermissionDeniedError, match="author"):
        demand_another(author, typed, "changeset 1")


@pytest.mark.parametrize(
    ("author", "typed"), [("王敏", "王敬"), ("clerk1", "clerk2"), ("...", "???"), ("clerk", "李工")]
)
def test_another_name_is_another_person(author: str, typed: str) -> None:
    demand_another(author, typed, "changeset 1")


@given(st.text())
def test_what_goes_on_record_is_one_line(name: str) -> None:
    assert claimed(name).isprintable() and proven("77aa", name).isprintable()


@pytest.mark.parametrize("subject", ["", "a b", "a\n", "a\u3000b", "x" * 256])
def test_a_subject_that_no_provider_gives_is_refused(subject: str) -> None:
    with pytest.raises(UsageError):
        proven(subject)


@pytest.mark.parametrize("name", ["oidc:77aa (li)", "token:li"])
def test_a_user_of_the_command_line_cannot_take_a_proven_name(name: str) -> None:
    with pytest.raises(UsageError):
        named(name)
    with pytest.raises(ValidationError, match="does not begin"):
        Settings(_env_file=None, user=name)

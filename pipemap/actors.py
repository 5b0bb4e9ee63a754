"""Who acts, as it stands on record, and who may decide on what another wrote.

oidc:<subject> (<name>)    somebody the identity provider vouches for; the name is for readers, the subject counts
token:<name>               whoever gives this name beside the staff token, or where none is set
<name>                     a user of the command line, who has the database itself
"""

import unicodedata

from pipemap.errors import PermissionDeniedError, UsageError

_PROVEN, _CLAIMED = "oidc:", "token:"
_LONGEST_SUBJECT = 255
_LONGEST_NAME = 100
# Letters of other alphabets that nobody can tell from a Latin one when they read a name, as they are folded.
_LOOKALIKES = str.maketrans(
    "авгеԁһіјкӏмнорсԛтѕуѵԝхьαβγεζηικνορςτυχω",
    "abredhijklmhopcqtsyvwxbabyeznikvopctuxw",
)


def proven(subject: str, name: str | None = None) -> str:
    """The actor of a subject; UsageError for one with a space or more than 255 letters, which no provider gives."""
    if not subject.isprintable() or not 0 < len(subject) <= _LONGEST_SUBJECT or any(map(str.isspace, subject)):
        raise UsageError("This is no subject of an identity provider.")
    shown = _one_line(name or "")
    return f"{_PROVEN}{subject} ({shown})" if shown else _PROVEN + subject


def claimed(name: str) -> str:
    """The actor of a name that somebody gives."""
    return _CLAIMED + _one_line(name)


def named(name: str) -> str:
    """The actor of a user of the command line; UsageError for a name that looks proven."""
    if name.startswith((_PROVEN, _CLAIMED)):
        raise UsageError(f"A name does not begin with {_PROVEN} or {_CLAIMED}: {name}.")
    return name


def demand_another(author: str, actor: str, what: str) -> None:
    """Raise PermissionDeniedError unless somebody other than the author decides.

    What a proven identity wrote is not decided under a name given beside the token: it may be the author's own.
    """
    if _person(author) == _person(actor):
        raise PermissionDeniedError(
            f"{actor} is the author of {what}; somebody else decides.",
            message_zh=f"{actor} 是提交人，不得审批本人提交的内容。",
        )
    if author.startswith(_PROVEN) and actor.startswith(_CLAIMED):
        raise PermissionDeniedError(
            f"{author} wrote {what}; who decides it signs in too, as a name beside the staff token proves nothing.",
            message_zh=f"{author} 以本人身份提交，审批人也须以本人身份登录；员工口令旁所填姓名不足为凭。",
        )


def _person(actor: str) -> str:
    """What tells people apart: the subject without the name it has today, or the name without how it was given.

    A name is typed, now so and now so: capitals, spaces, wide letters, points and marks that nobody sees make nobody
    another, nor do letters of another alphabet that look the same.
    """
    if actor.startswith(_PROVEN):
        return actor.partition(" (")[0]
    typed = unicodedata.normalize("NFKC", actor.removeprefix(_CLAIMED)).casefold().translate(_LOOKALIKES)
    return "".join(letter for letter in typed if letter.isalnum()) or typed.strip()


def _one_line(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name).strip()[:_LONGEST_NAME]

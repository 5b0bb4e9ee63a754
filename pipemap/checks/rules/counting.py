"""What rules share that count instead of naming every feature."""

import numpy as np

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools
from pipemap.checks.scope import Kind
from schemas.findings import Severity

_EXAMPLES = 50


def counted_by_class(check: Check, kind: Kind, marked: Bools, says: Says, *, at_most: Severity | None = None) -> Told:
    """One note for each class in which features told of are marked: `count` of `total`."""
    classes, told = check.scope.classes(kind), check.scope.told[kind]
    notes = []
    for code, class_code in enumerate(classes.known_words):
        of_class = told & (classes.codes == code)
        at = np.flatnonzero(of_class & marked)
        keys = check.scope.columns[kind].texts("source_key", at[:_EXAMPLES]).tolist()
        counts = {"count": len(at), "total": int(of_class.sum())}
        notes.append(check.note(says, {"keys": keys}, at_most=at_most, class_code=class_code, counts=counts))
    return notes


def one_by_one_or_counted(
    check: Check, kind: Kind, asked: Bools, missing: Bools, each: Says, all_of_them: Says
) -> Told:
    """What is missing feature by feature; where a class lacks it throughout, one note for the class.

    A column that was never surveyed is one thing to know and not thousands. Needs the threshold
    `count_from`: below that many features they are named one by one. Where `asked` is what is missing, too, a class
    is counted from that many on.
    """
    classes, told = check.scope.classes(kind), check.scope.told[kind]
    named, counted = asked & missing & told, np.zeros(len(asked), np.bool_)
    for code in range(len(classes.known_words)):
        of_class = asked & told & (classes.codes == code)
        if of_class.sum() >= check["count_from"] and missing[of_class].all():
            counted |= of_class
    notes = counted_by_class(check, kind, counted, all_of_them)
    return [check.report(kind, np.flatnonzero(named & ~counted), each), *notes]

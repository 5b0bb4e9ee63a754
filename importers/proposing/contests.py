"""Which of several columns an attribute is taken from, by what they hold and what they are called besides."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from importers.normalising.classing import is_open_sewer
from importers.normalising.columns import class_of
from importers.profiles import Profile
from importers.proposing import content
from importers.proposing.match import ADOPTED, Match, Reason
from importers.proposing.sample import Sample
from importers.proposing.vocabulary import says

# Of more kinds of pipes nobody keeps a register.
_LESS_SURE, _MOST_KINDS = 0.06, 60
_ELEVATIONS = ("from_elevation_m", "to_elevation_m")
_Found = dict[str, list[Match]]


def settled(found: _Found, samples: Mapping[str, Sample], profile: Profile, role: str) -> _Found:
    """What each column may be, the surest first, with those less sure that others outdo."""
    found = _numbers_first(_pipes_first(_filled_first(found, samples)), samples)
    return _numbered_by_names(_by_class_words(found, samples, profile), samples, role)


def _pipes_first(found: _Found) -> _Found:
    """Less sure: an elevation at an end of a line that is called a well's, where another is not."""
    well = {
        (column, match.attribute)
        for column, options in found.items()
        for match in options
        if match.attribute in _ELEVATIONS and match.certainty >= ADOPTED and says(column, "well")
    }
    others = {
        match.attribute
        for column, options in found.items()
        for match in options
        if match.certainty >= ADOPTED and (column, match.attribute) not in well
    }
    less = {(column, attribute) for column, attribute in well if attribute in others}
    return _lessened(found, less)


def _numbers_first(found: _Found, samples: Mapping[str, Sample]) -> _Found:
    """Less sure: what counts the rows, 1, 2, 3, as the numbers of points that another column is named for."""
    named = {
        column: match.certainty
        for column, options in found.items()
        for match in options
        if match.attribute == "key" and match.certainty >= ADOPTED and not match.by_values
    }
    counting = {column for column in named if _counts_rows(samples[column])}
    most = max((sure for column, sure in named.items() if column not in counting), default=2.0) - _LESS_SURE
    return {
        column: [replace(m, certainty=min(m.certainty, most)) if m.attribute == "key" else m for m in options]
        if column in counting
        else options
        for column, options in found.items()
    }


def _counts_rows(sample: Sample) -> bool:
    known = sample.known_numbers
    return len(known) > 1 and bool((known == np.arange(1, len(known) + 1)).all())


def _lessened(found: _Found, less: set[tuple[str, str]]) -> _Found:
    """The matches with those of some columns and attributes less sure."""
    return {
        column: [replace(m, certainty=m.certainty - _LESS_SURE * ((column, m.attribute) in less)) for m in options]
        for column, options in found.items()
    }


def _filled_first(found: _Found, samples: Mapping[str, Sample]) -> _Found:
    """Less sure: an empty column, than the surest filled one that is named for the same attribute."""
    named: dict[str, float] = {}
    for column, options in found.items():
        for match in options if samples[column].n_known else ():
            if match.certainty >= ADOPTED and not match.by_values:
                named[match.attribute] = max(match.certainty, named.get(match.attribute, 0.0))
    return {
        column: options
        if samples[column].n_known
        else [replace(m, certainty=min(m.certainty, named.get(m.attribute, 2.0) - _LESS_SURE)) for m in options]
        for column, options in found.items()
    }


def _numbered_by_names(found: _Found, samples: Mapping[str, Sample], role: str) -> _Found:
    """Points that nothing is named the number of are numbered by their names, where these are numbers."""
    best = {column: options[0] for column, options in found.items() if options}
    if role != "node" or any(m.attribute == "key" and not m.by_values for m in best.values()):
        return found
    why = Reason("its values are numbers of points", "其取值为点号")
    named = (column for column, match in best.items() if match.attribute == "name")
    column = next((name for name in named if content.are_numbers_of_points(samples[name])), None)
    return found if column is None else {**found, column: [replace(best[column], attribute="key", why=why)]}


def _by_class_words(found: _Found, samples: Mapping[str, Sample], profile: Profile) -> _Found:
    """Less sure: the class where a column tells more of them apart (小类 within 大类), a device called like a class.

    A word for sewers alone tells nothing: Foul does, where another column has Sewer.
    """
    words = profile.class_words()
    few = {column: sample.words if len(sample.words) <= _MOST_KINDS else [] for column, sample in samples.items()}
    told = {column: {class_of(word, words) for word in kinds} for column, kinds in few.items()}
    named = {column for column, classes in told.items() if classes and None not in classes}
    apart = {c: len({code for word in few[c] if (code := class_of(word, words)) and not is_open_sewer(code, word)})
             for c in few}  # fmt: skip
    can_tell = [apart[column] for column in named if any(m.attribute == "class" for m in found[column])]
    least = max(can_tell, default=0)
    less = {(column, "appurtenance") for column in named} | {(c, "class") for c in told if apart[c] < least}
    return _lessened(found, less)

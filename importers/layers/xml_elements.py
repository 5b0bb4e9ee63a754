"""The elements of a well-formed XML file one after another, for files of which the whole would fill the memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from importers.refusing import refusal


def elements(path: Path, own: Path, tag: str = "{*}*", is_one: Callable[[Any], bool] = lambda _: True) -> Iterator[Any]:
    """Those of a tag that `is_one` is true of, in their order; each is gone when the next is asked for.

    `path` is the delivered file, `own` the one that is read in its stead; nothing outside it is.

    Raises
    ------
    SourceError
        When its elements lie deeper in each other, or a text in it is longer, than any honest file has them.
    """
    found = etree.iterparse(str(own), events=("end",), tag=tag, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for _, element in found:
            if is_one(element):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        words = str(error).partition(", ")[0]
        raise refusal(path, f"cannot be read as XML ({words})", "无法按 XML 读取") from error

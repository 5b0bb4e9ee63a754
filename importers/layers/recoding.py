"""Texts of tables in other encodings than UTF-8, decoded here once for each text that there is.

GDAL decodes every cell by itself and makes a converter for each of them, which takes more than all else in reading.
"""

import pyarrow as pa
import pyarrow.compute as pc

# Read so, a letter stands for every octet.
OCTETS = "ISO-8859-1"
_ASCII = bytes(range(128))


def can_decode(encoding: str | None) -> bool:
    """Whether `decoded` knows an encoding: ASCII has to be a part of it, as it is of nearly all."""
    if encoding is None:
        return False
    try:
        return _ASCII.decode(encoding) == _ASCII.decode()
    except (LookupError, UnicodeError):
        return False


def text(octets: str, encoding: str) -> str:
    """A text that was read as octets; UnicodeDecodeError where it is not in the encoding."""
    return octets.encode(OCTETS).decode(encoding)


def texts(column: pa.Array, encoding: str) -> pa.Array:
    """A column whose texts, if it has any, were read as octets; errors as `text`."""
    if not pa.types.is_string(column.type) or pc.all(pc.string_is_ascii(column)).as_py() is not False:
        return column
    coded = column.dictionary_encode()
    words = pa.array([text(word, encoding) for word in coded.dictionary.to_pylist()], pa.string())
    return words.take(coded.indices)

"""Texts in small letters, in capitals, and as slugs, for all rows at once.

A text column is its bytes, one value after the other, uint8 (bytes,), and the length of each value,
int64 (rows,). The bytes are UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.rows.arrays import contents
from replicate.rows.spans import gather
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.columnar.pools import Integers
from replicate.transformers.texts.utf8 import is_ascii

Text = tuple[Bytes, Integers]

_DASH = ord("-")


def lower(text: Text) -> Text:
    data, length = text
    if is_ascii(data):
        return data | ((data - np.uint8(ord("A")) < 26) * np.uint8(0x20)), length
    return _parts(pc.utf8_lower(_strings(text)))


def upper(text: Text) -> Text:
    data, length = text
    if is_ascii(data):
        return data ^ ((data - np.uint8(ord("a")) < 26) * np.uint8(0x20)), length
    return _parts(pc.utf8_upper(_strings(text)))


def slug(text: Text) -> Text:
    """Small ASCII letters and digits, with a dash for whatever else stands between them."""
    data, length = text if is_ascii(text[0]) else _without_accents(text)
    data = _SLUG.take(data)
    end = np.cumsum(length)
    begin = (end - length)[length > 0]
    dash = data == _DASH
    # Of several dashes the first stays, and none in front.
    behind_dash = np.empty_like(dash)
    behind_dash[1:] = dash[:-1]
    behind_dash[begin] = True
    data, length = _compressed(data, length, ~(dash & behind_dash))
    last = (np.cumsum(length) - 1)[length > 0]
    kept = np.ones(data.size, np.bool_)
    kept[last] = data[last] != _DASH
    return _compressed(data, length, kept)


def _compressed(data: Bytes, length: Integers, kept: npt.NDArray[np.bool_]) -> Text:
    count = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
    end = np.cumsum(length)
    return data[kept], count[end] - count[end - length]


def _strings(text: Text) -> pa.StringArray:
    return cast(pa.StringArray, packed(*text)[0].view(pa.string()))


def _parts(values: pa.StringArray) -> Text:
    offsets, data = contents(cast(pa.BinaryArray, values.view(pa.binary())))
    return data, np.diff(offsets).astype(np.int64)


def _without_accents(text: Text) -> Text:
    """The values with spaces for letters of other scripts, and without accents."""
    data, length = text
    high = np.concatenate(([0], np.cumsum(data >= 0x80, dtype=np.int64)))
    end = np.cumsum(length)
    start = end - length
    rows = np.flatnonzero(high[end] > high[start])
    spans = zip(start[rows].tolist(), end[rows].tolist(), strict=True)
    plain = [_plain(data[begin:until].tobytes().decode()) for begin, until in spans]
    # The values that changed stand behind all others, and are fetched from there.
    size = np.array([len(value) for value in plain], np.int64)
    both = np.concatenate((data, np.frombuffer(b"".join(plain), np.uint8)))
    start[rows] = data.size + np.cumsum(size) - size
    length = length.copy()
    length[rows] = size
    return gather(both, start, length), length


def _plain(value: str) -> bytes:
    # NFKD splits letters from their accents, which are marks; ß folds into ss.
    spelt = unicodedata.normalize("NFKD", value.casefold())
    return _FOREIGN.sub(_instead, spelt).encode()


def _instead(foreign: re.Match[str]) -> str:
    return "" if unicodedata.combining(foreign[0]) else " "


_FOREIGN = re.compile(r"[^\x00-\x7f]")


_SLUG = np.array(
    [ord(chr(i).lower()) if i < 0x80 and chr(i).isalnum() else _DASH for i in range(256)], np.uint8
)

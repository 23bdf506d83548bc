"""True and false as text, in the words in which databases and people write them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from replicate.rows.arrays import strings
from replicate.rows.column import Column
from replicate.rows.spans import heads
from replicate.transformers.columnar.pools import Assembly, Integers
from replicate.transformers.columnar.windows import distinct
from replicate.transformers.draw import LANE

_PAIRS = [
    pair
    for lower in (b"0 1", b"f t", b"false true", b"n y", b"no yes", b"off on")
    for written in dict.fromkeys((lower, lower.upper(), lower.title()))
    for pair in [written.split()]
]
_BOOLEANS = strings(word for pair in _PAIRS for word in pair)
_PLACE = {word: 2 * i for i, pair in enumerate(_PAIRS) for word in pair}


def put_booleans(column: Column, chosen: npt.NDArray[np.bool_], result: Assembly) -> Integers:
    """Put what is `chosen`, bool (rows,), for every value that is a boolean, in the same words.

    Returns the rows of the other values that are not empty.
    """
    form, forms = distinct(heads(column.data, column.start, column.length, LANE))
    place = np.array([_PLACE.get(word, -1) for word in forms], np.int32)[form]
    place[column.length != np.array([len(word) for word in forms])[form]] = -1
    known = np.flatnonzero(place >= 0)
    result.put(known, _BOOLEANS, place[known] + chosen[known].astype(np.int32))
    return np.flatnonzero((place < 0) & (column.length > 0))

"""Values whose storage class is not their column's: what follows a class tag, read and written."""

from __future__ import annotations

import binascii
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replicate.errors import CorruptError
from replicate.rows.arrays import LIMIT, contents, from_offsets
from replicate.rows.column import Kind
from replicate.rows.join import Workspace
from replicate.rows.spans import gather

_INTEGER, _REAL, _TEXT, _BLOB = b"IRTB"

KINDS: Final = {
    _INTEGER: Kind.INTEGER,
    _REAL: Kind.REAL,
    _TEXT: Kind.TEXT,
    _BLOB: Kind.BINARY,
}
"""What the values behind each tag are."""

_SAFE_INTEGER = r"^-?[0-9]{1,18}$"
_EDGE_INTEGER = r"^-?[0-9]{19}$"
_WELL_FORMED_REAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def copy_blobs(
    space: Workspace,
    start: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    tag: npt.NDArray[np.uint8],
) -> None:
    """Move the spans tagged as blobs to decoded copies at the end of `space`; others stay.

    All arrays have one entry a row; `start` and `length` are changed in place. Raises
    `CorruptError` if what follows such a tag isn't pairs of hexadecimal digits.
    """
    rows = np.flatnonzero(tag == _BLOB)
    if not rows.size:
        return
    sizes = length[rows]
    digits = gather(space.data, start[rows], sizes)
    try:
        values = binascii.unhexlify(digits.data) if not (sizes % 2).any() else None
    except binascii.Error:
        values = None
    if values is None:
        raise CorruptError("a blob is not written as pairs of hexadecimal digits")
    sizes //= 2
    at = space.append(np.frombuffer(values, np.uint8))
    start[rows] = at + np.cumsum(sizes) - sizes
    length[rows] = sizes


def tagged(
    fields: pa.BinaryArray, values: pa.BinaryArray, tag: int, *, binary: bool
) -> pa.BinaryArray:
    """The replacements of values that stood behind `tag`, each with the tag that fits it.

    `values` are the replacements, `fields` the same escaped. An integer stays one if its
    replacement is written as an integer of 64 bits, a real if it is written as a number, and a
    blob if the replacement says that it is `binary`; all else becomes text.
    """
    text = pa.scalar(b"\\T", pa.binary())
    if tag == _BLOB:
        # What is left of a blob may be no text, which not every database can hold.
        blobs = pa.array([binary] * len(values)) if binary else pc.invert(_is_utf8(values))
        if not pc.any(blobs).as_py():
            return _join(text, fields)
        prefix = pc.if_else(blobs, pa.scalar(b"\\B", pa.binary()), text)
        return _join(prefix, pc.if_else(blobs, _hexadecimal(values), fields))
    if tag == _INTEGER:
        fits = _is_int64(values)
    elif tag == _REAL:
        fits = pc.match_substring_regex(values, pattern=_WELL_FORMED_REAL)
    else:
        return _join(text, fields)
    same = pa.scalar(bytes([ord("\\"), tag]), pa.binary())
    return _join(pc.if_else(fits, same, text), fields)


def _join(prefix: pa.BinaryScalar | pa.BinaryArray, fields: pa.BinaryArray) -> pa.BinaryArray:
    # The stubs of pyarrow don't know that scalars and arrays go together.
    parts = cast(list[pa.BinaryArray], [prefix, fields, pa.scalar(b"", pa.binary())])
    return pc.binary_join_element_wise(*parts)


def _is_int64(values: pa.BinaryArray) -> pa.BooleanArray:
    fits = pc.match_substring_regex(values, pattern=_SAFE_INTEGER)
    edge = pc.match_substring_regex(values, pattern=_EDGE_INTEGER)
    if pc.any(edge).as_py():
        small = [-(2**63) <= int(value or 0) < 2**63 for value in values.filter(edge).to_pylist()]
        fits = pc.or_(fits, pc.replace_with_mask(edge, edge, pa.array(small, pa.bool_())))
    return fits


def _is_utf8(values: pa.BinaryArray) -> pa.BooleanArray:
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        valid = [_decodes(value or b"") for value in values.to_pylist()]
    else:
        valid = [True] * len(values)
    return pa.array(valid, pa.bool_())


def _decodes(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _hexadecimal(values: pa.BinaryArray) -> pa.BinaryArray:
    offsets, data = contents(values)
    doubled = (offsets.astype(np.int64) - int(offsets[0])) * 2
    if doubled[-1] > LIMIT:
        raise CorruptError("blobs exceed 2 GiB once they are written as hexadecimal digits")
    digits = np.frombuffer(binascii.hexlify(data.data), np.uint8)
    return from_offsets(doubled.astype(np.int32), digits)

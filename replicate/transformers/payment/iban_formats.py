"""What the IBANs of each country look like (ISO 13616): for each place, what may stand there."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

DIGIT, UPPER, LOWER = 1, 2, 4
"""What a character is, and in a sum what it may be."""

HEAD = 4
"""Characters before the account: the country and the check digits."""

# The country; its account number, which is a number of digits (n), letters (a) or either (c); and
# the characters of it that tell the bank, without its branch: how many there are, and how many
# stand before them where there are any.
_FORMATS = """
AD 8n12c 4    AE 19n 3      AL 8n16c 3    AT 16n 5      AZ 4a20c 4    BA 16n 3      BE 12n 3
BG 4a6n8c 4   BH 4a14c 4    BI 23n 5      BR 23n1a1c 8  BY 4c4n16c 4  CH 5n12c 5    CR 18n 4
CY 8n16c 3    CZ 20n 4      DE 18n 8      DJ 23n 5      DK 14n 4      DO 4c20n 4    EE 16n 2
EG 25n 4      ES 20n 4      FI 14n 3      FK 2a12n 2    FO 14n 4      FR 10n11c2n 5 GB 4a14n 4
GE 2a16n 2    GI 4a15c 4    GL 14n 4      GR 7n16c 3    GT 24c 4      HN 4a20n 4    HR 17n 7
HU 24n 3      IE 4a14n 4    IL 19n 3      IQ 4a15n 4    IS 22n 4      IT 1a10n12c 5+1
JO 4a4n18c 4  KW 4a22c 4    KZ 3n13c 3    LB 4n20c 4    LC 4a24c 4    LI 5n12c 5    LT 16n 5
LU 3n13c 3    LV 4a13c 4    LY 21n 3      MC 10n11c2n 5 MD 20c 2      ME 18n 3      MK 3n10c2n 3
MN 16n 4      MR 23n 5      MT 4a5n18c 4  MU 4a19n3a 6  NI 4a20n 4    NL 4a10n 4    NO 11n 4
OM 3n16c 3    PK 4a16c 4    PL 24n 8      PS 4a21c 4    PT 21n 4      QA 4a21c 4    RO 4a16c 4
RS 18n 3      RU 14n15c 9   SA 2n18c 2    SC 4a20n3a 6  SD 14n 2      SE 20n 3      SI 15n 5
SK 20n 4      SM 1a10n12c 5+1             SO 19n 4      ST 21n 4      SV 4a20n 4    TL 19n 3
TN 20n 2      TR 6n16c 5    UA 6n19c 6    VA 18n 3      VG 4a16n 4    XK 16n 4      YE 4a4n18c 4
"""

_ENTRY = re.compile(r"([A-Z]{2}) ((?:[0-9]+[nac])+) ([0-9]+)(?:\+([0-9]+))?")
_MAY_BE = {"n": DIGIT, "a": UPPER | LOWER, "c": DIGIT | UPPER | LOWER}

_WIDTH = 48
_COUNTRIES = 32 * 32


def _tables() -> tuple[Integers, Integers, Bytes, Flags]:
    entries = _ENTRY.findall(_FORMATS)
    number = np.zeros(_COUNTRIES, np.int64)
    length = np.zeros(len(entries) + 1, np.int64)
    may_be = np.zeros((len(entries) + 1, _WIDTH), np.uint8)
    bank = np.zeros((len(entries) + 1, _WIDTH), np.bool_)
    for i, (country, account, size, before) in enumerate(entries, 1):
        number[_place(*country.encode())] = i
        may_be[i, :2], may_be[i, 2:HEAD] = UPPER | LOWER, DIGIT
        at = HEAD
        for run, what in re.findall(r"([0-9]+)([nac])", account):
            may_be[i, at : at + int(run)] = _MAY_BE[what]
            at += int(run)
        length[i] = at
        begin = HEAD + int(before or 0)
        bank[i, begin : begin + int(size)] = True
    return number, length, may_be, bank


def _place(first: int, second: int) -> int:
    return 32 * (first & 31) + (second & 31)


_NUMBER, LENGTH, MAY_BE, BANK = _tables()
"""By a country's number, 0 being none: how many characters its IBANs have; what may stand at each
place of them, a sum of DIGIT, UPPER and LOWER, and 0 behind the end; which places tell the bank.
Shapes: int64 (numbers,), uint8 and bool (numbers, 48)."""


def country_numbers(letters: Bytes) -> Integers:
    """The numbers of countries by their two letters, uint8 (rows, 2), in either case: (rows,).

    What is no letter may be taken for one: MAY_BE tells.
    """
    low = (letters & np.uint8(31)).astype(np.int64)
    numbers: Integers = _NUMBER[32 * low[:, 0] + low[:, 1]]
    return numbers


def countries() -> list[str]:
    """The countries whose IBANs are known, as two letters each."""
    return [country for country, *_ in _ENTRY.findall(_FORMATS)]

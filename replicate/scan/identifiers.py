"""Numbers that prove themselves: by a check digit, or by what can't be in them.

Each function takes a value as text, signs between the digits included, and answers whether it is
such a number. None of them says that it was ever given to anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SIGNS = re.compile(r"[ .\-/]")
_CARD = re.compile(
    r"(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})",
    re.ASCII,
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24,
    "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21,
    "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "TR": 26,
}  # fmt: skip

_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", re.ASCII)
_NINO = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", re.ASCII
)
_NIR = re.compile(r"[12]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d{2}|2[AB])\d{8}", re.ASCII)
_DNI = re.compile(r"(?:\d{8}|[XYZ]\d{7})[A-Z]", re.ASCII)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_FISCALE = re.compile(r"[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", re.ASCII)
_FISCALE_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
         6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip

_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def bare(value: str) -> str:
    """The value without the signs that group its digits."""
    return _SIGNS.sub("", value)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others, as on cards."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


def is_card(value: str) -> bool:
    """A card's number: an issuer's digits in front, as many as it has, the check digit right."""
    digits = bare(value) if len(value) < 24 else ""
    return _CARD.fullmatch(digits) is not None and luhn(digits)


def is_iban(value: str) -> bool:
    """An IBAN of its country's length whose remainder by 97 is 1."""
    text = value.replace(" ", "").upper() if len(value) < 44 else ""
    if _IBAN.fullmatch(text) is None or _IBAN_LENGTHS.get(text[:2], len(text)) != len(text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def is_ssn(value: str) -> bool:
    """US: three groups with dashes, none of which was ever left out or kept back."""
    return _SSN.fullmatch(value) is not None


def is_nino(value: str) -> bool:
    """UK national insurance number: no check digit, but few letters that may stand."""
    return _NINO.fullmatch(value.replace(" ", "")) is not None


def is_steuer_id(value: str) -> bool:
    """Germany: eleven digits by ISO 7064 (MOD 11, 10), of the first ten some stand twice."""
    digits = value.replace(" ", "")
    if not _digits(digits, 11) or digits[0] == "0" or len(set(digits[:10])) not in (8, 9):
        return False
    product = 10
    for digit in map(int, digits[:10]):
        total = (digit + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_nir(value: str) -> bool:
    """France: thirteen digits and a key of two; Corsica has a letter."""
    text = bare(value)
    if _NIR.fullmatch(text) is None:
        return False
    number = int(text[:13].replace("2A", "19", 1).replace("2B", "18", 1))
    return 97 - number % 97 == int(text[13:])


def is_dni(value: str) -> bool:
    """Spain: DNI or NIE, whose letter is the remainder by 23."""
    text = bare(value)
    if _DNI.fullmatch(text) is None:
        return False
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI_LETTERS[int(number) % 23] == text[-1]


def is_codice_fiscale(value: str) -> bool:
    """Italy: sixteen characters, the last by two tables."""
    if _FISCALE.fullmatch(value) is None:
        return False
    total = sum(_FISCALE_ODD[c] for c in value[:15:2])
    total += sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in value[1:15:2])
    return chr(ord("A") + total % 26) == value[15]


def is_cpf(value: str) -> bool:
    """Brazil: eleven digits, two of them check digits; no digit alone."""
    digits = bare(value)
    if not _digits(digits, 11) or len(set(digits)) == 1:
        return False
    return all(
        sum(int(digit) * (size + 1 - i) for i, digit in enumerate(digits[:size])) * 10 % 11 % 10
        == int(digits[size])
        for size in (9, 10)
    )


def is_aadhaar(value: str) -> bool:
    """India: twelve digits by Verhoeff, the first of them 2 to 9."""
    digits = bare(value)
    if not _digits(digits, 12) or digits[0] in "01":
        return False
    check = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        check = _dihedral(check, _turned(digit, place))
    return check == 0


def is_bsn(value: str) -> bool:
    """Netherlands: nine digits that pass the test by eleven."""
    digits = bare(value)
    if not _digits(digits, 9) or int(digits) == 0:
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11 == 0


def is_pesel(value: str) -> bool:
    """Poland: eleven digits that begin with a date, the last by weights."""
    if not _digits(value, 11) or not 1 <= int(value[2:4]) % 20 <= 12 or not _day(value[4:6]):
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return sum(w * int(d) for w, d in zip(weights, value, strict=True)) % 10 == 0


def is_rijksregisternummer(value: str) -> bool:
    """Belgium: eleven digits, the last two by 97; those born since 2000 have a 2 in front."""
    digits = bare(value)
    if not _digits(digits, 11) or int(digits[2:4]) > 12 or int(digits[4:6]) > 31:
        return False
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def is_ahv(value: str) -> bool:
    """Switzerland: thirteen digits that begin with 756, the last as on goods."""
    digits = value.replace(".", "")
    if not _digits(digits, 13) or not digits.startswith("756"):
        return False
    return sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10 == 0


NATIONAL: dict[str, tuple[Callable[[str], bool], float]] = {
    "US social security number": (is_ssn, 0.85),
    "UK national insurance number": (is_nino, 0.9),
    "French NIR": (is_nir, 0.95),
    "Spanish DNI or NIE": (is_dni, 0.92),
    "Italian codice fiscale": (is_codice_fiscale, 0.97),
    "Swiss AHV number": (is_ahv, 0.95),
    "Belgian national number": (is_rijksregisternummer, 0.9),
    "Brazilian CPF": (is_cpf, 0.92),
    "Polish PESEL": (is_pesel, 0.9),
    "German Steuer-ID": (is_steuer_id, 0.85),
    "Indian Aadhaar": (is_aadhaar, 0.85),
    "Dutch BSN": (is_bsn, 0.85),
}
"""By what it is called: the test, and how much it says where nearly all values pass."""


def _digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()


def _day(text: str) -> bool:
    return 1 <= int(text) <= 31


def _turned(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = _VERHOEFF_TURN[digit]
    return digit


def _dihedral(a: int, b: int) -> int:
    """The product in the group of a pentagon's turns (0 to 4) and flips (5 to 9)."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5

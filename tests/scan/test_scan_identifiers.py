"""Check digits: published examples pass, and a wrong digit anywhere is seen."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from replicate.scan import identifiers
from tests.support import personal_columns

EXAMPLES: dict[Callable[[str], bool], list[str]] = {
    identifiers.is_card: ["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"],
    identifiers.is_iban: ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
    identifiers.is_steuer_id: ["86095742719"],
    identifiers.is_nir: ["2 55 08 14 168 025 38"],
    identifiers.is_dni: ["12345678Z", "X1234567L"],
    identifiers.is_codice_fiscale: ["RSSMRA85T10A562S"],
    identifiers.is_cpf: ["111.444.777-35"],
    identifiers.is_aadhaar: ["2341 2341 2346"],
    identifiers.is_bsn: ["111222333"],
    identifiers.is_pesel: ["44051401359"],
    identifiers.is_rijksregisternummer: ["85.07.30-033.28"],
    identifiers.is_ahv: ["756.9217.0769.85"],
}
CASES = [(test, value) for test, values in EXAMPLES.items() for value in values]


@pytest.mark.parametrize(("test", "value"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_an_example_passes_and_no_other_last_character_does(
    test: Callable[[str], bool], value: str
) -> None:
    assert test(value)
    others = "0123456789" if value[-1].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert [c for c in others if test(value[:-1] + c)] == [value[-1]]
    assert not test(value + "1")
    assert not test("")
    assert not test("x" * 1_000_000)


@pytest.mark.parametrize("value", ["000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567"])
def test_numbers_that_were_never_given(value: str) -> None:
    assert not identifiers.is_ssn(value)
    assert identifiers.is_ssn("123-45-6789")


@pytest.mark.parametrize("value", ["GB123456A", "AO123456A", "DA123456A", "AB123456E"])
def test_letters_that_no_insurance_number_has(value: str) -> None:
    assert not identifiers.is_nino(value)
    assert identifiers.is_nino("AB 12 34 56 C")


def test_made_up_digits_seldom_pass() -> None:
    """A column of order numbers is none of cards: what the share in the scan relies on."""
    r = random.Random(3)
    for size in (9, 11, 12, 13, 15, 16):
        values = [personal_columns.digits(r, size) for _ in range(2000)]
        for test in EXAMPLES:
            assert sum(map(test, values)) < 300, size

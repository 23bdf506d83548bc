"""Payment cards whose issuer is kept, and IBANs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example as for_example
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.payment.iban_formats import countries
from replicate.transformers.registry import build
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

UNIQUE = Target(Kind.TEXT, unique=True)


def shape(value: bytes) -> bytes:
    value = re.sub(rb"[0-9]", b"0", value)
    return re.sub(rb"[A-Z]", b"A", re.sub(rb"[a-z]", b"a", value))


# Payment cards


def is_card(value: bytes) -> bool:
    total = 0
    for place, digit in enumerate(reversed(re.sub(rb"[ -]", b"", value))):
        doubled = (digit - 48) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def with_check_digit(number: str) -> bytes:
    return next(card for card in (f"{number}{i}".encode() for i in range(10)) if is_card(card))


CARDS = st.from_regex(r"[0-9]([ -]?[0-9]){10,17}", fullmatch=True).map(with_check_digit)
CARDS = CARDS.filter(lambda card: len(card) <= 32)


@settings(deadline=None)
@given(st.lists(st.one_of(CARDS, st.none(), st.just(b"")), min_size=1, max_size=20))
@for_example([b"4929%17s12345678909" % b""])
def test_the_issuer_of_a_card_is_kept(values: list[bytes | None]) -> None:
    for target, draw in ((Target(Kind.TEXT), KEYED), (Target(Kind.TEXT), RANDOM), (UNIQUE, KEYED)):
        outcome = apply("credit-card", values, target=target, draw=draw, keep_issuer=True)
        for value, new in zip(values, outcome, strict=True):
            if not value or new is None:
                assert new == value
            else:
                assert is_card(new)
                assert shape(new) == shape(value)
                digits = re.sub(rb"[ -]", b"", new)
                assert digits[:6] == re.sub(rb"[ -]", b"", value)[:6]
        if draw is KEYED:
            assert len(set(outcome)) == len(set(values))
            assert outcome == [
                apply("credit-card", [value], target=target, keep_issuer=True)[0]
                for value in values
            ]


@pytest.mark.parametrize("account", ["{:05d}", "{:06d}", "{:012d}", "-{:04d} {:05d}"])
def test_distinct_cards_stay_distinct(account: str) -> None:
    form = "492912" + account
    values: list[bytes | None] = [
        with_check_digit(form.format(*(divmod(i, 100_000) if " " in form else (i,))))
        for i in range(0, 100_000, 7)
    ]
    outcome = apply("credit-card", values, target=UNIQUE, keep_issuer=True)
    assert len(set(outcome)) == len(values)
    assert all(is_card(value or b"") for value in outcome)
    assert all((value or b"").startswith(b"492912") for value in outcome)


def test_a_million_distinct_cards_stay_distinct() -> None:
    number = 492_912_000_000_000 + np.arange(10**6) * 991
    total = np.zeros(10**6, np.int64)
    for place in range(15):
        digit = number // 10**place % 10 * (2 - place % 2)
        total += digit // 10 + digit % 10
    cards = number * 10 + -total % 10
    values: list[bytes | None] = [*cards.astype("S16").tolist()]
    outcome = apply("credit-card", values, target=UNIQUE, keep_issuer=True)
    assert len(set(outcome)) == 10**6
    assert all(is_card(value or b"") for value in outcome[::97])


def test_another_key_gives_other_cards() -> None:
    values: list[bytes | None] = [b"4929123456%06d" % i for i in range(500)]
    keyed = apply("credit-card", values, keep_issuer=True)
    other = apply("credit-card", values, keep_issuer=True, draw=OTHER)
    assert sum(a == b for a, b in zip(keyed, other, strict=True)) < 3
    assert keyed != apply("credit-card", values, keep_issuer=True, draw=RANDOM)


def test_a_wrong_check_digit_becomes_right_or_is_refused() -> None:
    assert is_card(one("credit-card", b"4929 1234 5678 9016", keep_issuer=True))
    with pytest.raises(TransformError) as caught:
        apply(
            "credit-card",
            [b"4929 1234 5678 9015", None, b"4929 1234 5678 9016"],
            target=UNIQUE,
            keep_issuer=True,
        )
    assert caught.value.row == 2
    assert "9016" not in caught.value.message + (caught.value.hint or "")


# The last one has a right check digit, and one character too many.
@pytest.mark.parametrize(
    "value",
    [b"n/a", b"4", b"1" * 40, b"\xff", b"4929 1234 5678 9015 ", b"4929%18s12345678909" % b""],
)
def test_what_is_no_card_number_becomes_one_of_the_test_range(value: bytes) -> None:
    new = one("credit-card", value, keep_issuer=True)
    assert re.fullmatch(rb"400000\d{10}", new)
    assert is_card(new)
    with pytest.raises(TransformError):
        apply("credit-card", [value], target=UNIQUE, keep_issuer=True)


def test_cards_that_are_integers_fit_64_bits() -> None:
    target = Target(Kind.INTEGER, Limits(bits=64), unique=True)
    values: list[bytes | None] = [with_check_digit(f"922336{i:012d}") for i in range(2000)]
    outcome = apply("credit-card", values, Kind.INTEGER, target=target, keep_issuer=True)
    assert len(set(outcome)) == 2000
    assert all(int(value or b"") < 2**63 for value in outcome)
    with pytest.raises(TransformError):
        apply(
            "credit-card",
            [with_check_digit("922337203685477580")],
            Kind.INTEGER,
            target=target,
            keep_issuer=True,
        )
    # A typeless column may hold a text all the same, and that has no bits.
    text = with_check_digit("9999 1234 5678 901")
    (new,) = apply("credit-card", [text], target=target, keep_issuer=True)
    assert (new or b"").startswith(b"9999 ")


@pytest.mark.parametrize(
    "target",
    [
        Target(Kind.TEXT, Limits(max_chars=12)),
        Target(Kind.TEXT, Limits(max_chars=15)),
        Target(Kind.NUMERIC, Limits(precision=14, scale=1)),
        Target(Kind.INTEGER, Limits(bits=64)),
    ],
)
def test_made_up_cards_fit_the_column(target: Target) -> None:
    most = target.limits.max_chars or ((target.limits.precision or 17) - (target.limits.scale or 0))
    for new in apply("credit-card", [b"1", b"12", b"-3"], target=target):
        assert is_card(new or b"")
        assert len(new or b"") == min(most, 16)


@pytest.mark.parametrize(
    ("target", "options", "message", "hint"),
    [
        (UNIQUE, {}, "distinct", "keep_issuer: true"),
        (Target(Kind.TEXT, Limits(max_chars=11)), {}, "11 digits", "format-preserving"),
        (Target(Kind.INTEGER, Limits(bits=32)), {}, "10 digits", "format-preserving"),
        (Target(Kind.NUMERIC, Limits(precision=12, scale=2)), {}, "10 digits", "format-preserving"),
        (Target(Kind.TEXT), {"keep_issuer": "six"}, "option keep_issuer", "its options"),
    ],
)
def test_columns_that_cards_do_not_fit(
    target: Target, options: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        build("credit-card", options, target=target, draw=KEYED)
    assert hint in (caught.value.hint or "")


# IBANs

# The examples of the registry of ISO 13616.
_EXAMPLES = """
AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741
AT611904300234573201 AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034
BG80BNBG96611020345678 BH67BMAG00001299123456 BI4210000100010000332045181
BR1800360305000010009795493C1 BY13NBRB3600900000002Z00AB00 CH9300762011623852957
CR05015202001026284066 CY17002001280000001200527600 CZ6508000000192000145399
DE89370400440532013000 DJ2100010000000154000100186 DK5000400440116243
DO28BAGR00000001212453611324 EE382200221020145685 EG380019000500000000263180002
ES9121000418450200051332 FI2112345600000785 FK88SC123456789012 FO6264600001631634
FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917
GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695
GT82TRAJ01020000001210029690 HN88CABF00000000000250005469 HR1210010051863000160
HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999
IQ98NBIQ850123456789012 IS140159260076545510730339 IT60X0542811101000000123456
JO94CBJO0010000000000131000302 KW81CBKU0000000000001234560101 KZ86125KZT5004100100
LB62099900000001001901229114 LC55HEMM000100010012001200023015 LI21088100002324013AA
LT121000011101001000 LU280019400644750000 LV80BANK0000435195001 LY83002048000020100120361
MC5811222000010123456789030 MD24AG000225100013104168 ME25505000012345678951
MK07250120000058984 MN121234123456789123 MR1300020001010000123456753
MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR NI45BAPR00000013000003558124
NL91ABNA0417164300 NO9386011117947 OM810180000001299123456 PK36SCBL0000001123456702
PL61109010140000071219812874 PS92PALS000000000400123456702 PT50000201231234567890154
QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379
RU0304452522540817810538091310419 SA0380000000608010167519 SC18SSCB11010000000000001497USD
SD2129010501234001 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
SM86U0322509800000000270100 SO211000001001000100141 ST68000100010051845310112
SV62CENR00000000000000700025 TL380080012345678910157 TN5910006035183598478831
TR330006100519786457841326 UA213223130000026007233566001 VA59001123000012345678
VG96VPVG0000012345678901 XK051212012345678906 YE15CBYE0001018861234567891234
"""
IBANS = _EXAMPLES.split()

BANKS = {"DE": "37040044", "GB": "NWBK", "FR": "20041", "NL": "ABNA", "BE": "539", "PL": "10901014"}
BANKS |= {"CH": "00762", "AT": "19043", "ES": "2100", "SE": "500", "NO": "8601", "MU": "BOMM01"}


def is_iban(value: bytes) -> bool:
    """Whether country, length and check digits are right."""
    text = value.decode().replace(" ", "").upper()
    known = {example[:2]: shape(example.encode()) for example in IBANS}
    if len(text) != len(known.get(text[:2], b"")):
        return False
    number = int("".join(str(int(character, 36)) for character in text[4:] + text[:4]))
    return number % 97 == 1 and 2 <= int(text[2:4]) <= 98


def spaced(value: str) -> bytes:
    return " ".join(value[at : at + 4] for at in range(0, len(value), 4)).encode()


def test_all_countries_have_an_example() -> None:
    assert sorted(example[:2] for example in IBANS) == sorted(countries())
    assert all(is_iban(example.encode()) for example in IBANS)


@pytest.mark.parametrize("write", [str.encode, spaced, lambda value: value.lower().encode()])
@pytest.mark.parametrize("options", [{}, {"keep_bank": True}])
def test_the_countries_of_the_registry(write: Any, options: dict[str, Any]) -> None:
    values: list[bytes | None] = [write(example) for example in IBANS]
    for target, draw in ((Target(Kind.TEXT), KEYED), (Target(Kind.TEXT), RANDOM), (UNIQUE, KEYED)):
        outcome = apply("iban", values, target=target, draw=draw, **options)
        for value, new in zip(values, outcome, strict=True):
            assert value
            assert new
            assert is_iban(new)
            assert new != value
            assert new[:2] == value[:2]
            assert shape(new) == shape(value)


def test_the_bank_may_be_kept() -> None:
    chosen = [example for example in IBANS if example[:2] in BANKS]
    values: list[bytes | None] = [example.encode() for example in chosen]
    kept = apply("iban", values, keep_bank=True)
    for example, new in zip(chosen, kept, strict=True):
        bank = BANKS[example[:2]]
        assert example[4:].startswith(bank)
        assert (new or b"").decode()[4:].startswith(bank)
    assert (one("iban", b"IT60X0542811101000000123456", keep_bank=True))[5:10] == b"05428"
    replaced = apply("iban", values)
    assert not any(
        (new or b"").decode()[4:].startswith(BANKS[example[:2]])
        for example, new in zip(chosen, replaced, strict=True)
    )


def german(account: int) -> bytes:
    bban = f"37040044{account:010d}"
    return f"DE{98 - int(bban + '131400') % 97:02d}{bban}".encode()


@pytest.mark.parametrize("options", [{}, {"keep_bank": True}])
def test_distinct_accounts_stay_distinct(options: dict[str, Any]) -> None:
    count = 100_000
    values: list[bytes | None] = [german(532_013_000 + i) for i in range(count)]
    outcome = apply("iban", values, target=UNIQUE, **options)
    assert len(set(outcome)) == count
    assert all(is_iban(value or b"") for value in outcome[::97])


def test_spaces_and_case_make_no_other_account() -> None:
    plain = one("iban", b"GB29NWBK60161331926819")
    assert one("iban", b"GB29 NWBK 6016 1331 9268 19").replace(b" ", b"") == plain
    assert one("iban", b"gb29nwbk60161331926819").upper() == plain
    assert one("iban", b" GB29NWBK60161331926819  ") == b" " + plain + b"  "
    # Wrong check digits of the same account.
    assert one("iban", b"GB11NWBK60161331926819") == plain


def test_another_key_gives_other_accounts() -> None:
    values: list[bytes | None] = [german(i) for i in range(500)]
    keyed = apply("iban", values)
    assert sum(a == b for a, b in zip(keyed, apply("iban", values, draw=OTHER), strict=True)) < 3
    assert apply("iban", values, draw=RANDOM) != apply("iban", values, draw=RANDOM)


NO_IBANS = [
    b"unknown",
    b"x",
    b"DE8937040044053201300",  # one digit less
    b"DE893704004405320130000",
    b"DE89370400440532O13000",  # the letter
    b"DE 8",
    b"ZZ89370400440532013000",
    b"4489370400440532013000",
    b"DEXX370400440532013000",
    b"DE89-3704-0044-0532-0130-00",
    b"DE89370400440532013000" + b" " * 30,
    b"\xc4\xc589370400440532013000",
    b"GB2912346016133192681" + b"9",
    b"    ",
    b"1" * 1_000_000,
    b"DE89370400440532013000\0",
    "\uff24\uff2589370400440532013000".encode(),
]


@pytest.mark.parametrize("value", NO_IBANS, ids=range(len(NO_IBANS)))
def test_what_is_no_iban_becomes_one_or_is_refused(value: bytes) -> None:
    new = one("iban", value)
    assert re.fullmatch(rb"DE\d\d0{8}\d{10}", new)
    assert is_iban(new)
    with pytest.raises(TransformError) as caught:
        apply("iban", [None, b"", german(1), value], target=UNIQUE)
    assert caught.value.row == 3
    assert "token" in (caught.value.hint or "")


def test_wrong_check_digits_are_refused_where_all_are_distinct() -> None:
    right = german(4_711)
    # 97 more or less is the same remainder, and no check digit either.
    for digits in (b"00", b"01", b"99", b"%02d" % (int(right[2:4]) % 97 + 1)):
        with pytest.raises(TransformError):
            apply("iban", [right[:2] + digits + right[4:]], target=UNIQUE)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(IBANS).map(str.encode),
            st.sampled_from(IBANS).map(spaced),
            st.integers(0, 10**10 - 1).map(german),
            st.binary(max_size=60),
            st.none(),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_rows_are_independent_and_always_ibans(values: list[bytes | None]) -> None:
    outcome = apply("iban", values)
    assert outcome == [apply("iban", [value])[0] for value in values]
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
        else:
            assert is_iban(new or b"")


@pytest.mark.parametrize(("most", "country"), [(15, b"NO"), (21, b"NO"), (22, b"DE"), (34, b"DE")])
def test_made_up_accounts_fit_the_column(most: int, country: bytes) -> None:
    new = apply("iban", [b"unknown"], target=Target(Kind.TEXT, Limits(max_chars=most)))[0] or b""
    assert new.startswith(country)
    assert len(new) <= most
    assert is_iban(new)


def test_a_column_that_is_too_short_for_an_iban() -> None:
    with pytest.raises(UsageError, match="14 characters") as caught:
        build("iban", {}, target=Target(Kind.TEXT, Limits(max_chars=14)), draw=KEYED)
    assert caught.value.hint


# Both


@pytest.mark.parametrize(
    ("name", "options"),
    [("iban", {}), ("iban", {"keep_bank": True}), ("credit-card", {"keep_issuer": True})],
)
def test_what_is_declared(name: str, options: dict[str, Any]) -> None:
    def uniqueness(target: Target, draw: Any) -> Uniqueness:
        return build(name, options, target=target, draw=draw).effects.uniqueness

    assert uniqueness(UNIQUE, KEYED) is Uniqueness.PERMUTES
    assert uniqueness(UNIQUE, RANDOM) is Uniqueness.MAY_COLLIDE
    assert uniqueness(Target(Kind.TEXT), KEYED) is Uniqueness.MAY_COLLIDE


def test_blobs_stay_blobs_where_all_are_distinct() -> None:
    made = build("iban", {}, target=Target(Kind.ANY, unique=True), draw=KEYED)
    assert made.transform(Column.of([german(1)], Kind.BINARY)).binary


# The replacements under one key stay the same from version to version.
KNOWN: list[tuple[str, bytes, Kind, dict[str, Any], bytes]] = [
    (
        "credit-card",
        b"4929 1234 5678 9015",
        Kind.TEXT,
        {"keep_issuer": True},
        b"4929 1246 5020 1963",
    ),
    ("credit-card", b"492912345673", Kind.INTEGER, {"keep_issuer": True}, b"492912438404"),
    ("iban", b"DE89 3704 0044 0532 0130 00", Kind.TEXT, {}, b"DE26 2303 1878 1132 5433 69"),
    ("iban", b"GB29NWBK60161331926819", Kind.TEXT, {}, b"GB69CGOU80418950690340"),
    (
        "iban",
        b"FR1420041010050500013M02606",
        Kind.TEXT,
        {"keep_bank": True},
        b"FR1720041546190082572F90184",
    ),
    ("iban", b"unknown", Kind.TEXT, {}, b"DE49000000006979562501"),
]


@pytest.mark.parametrize(("name", "value", "kind", "options", "expected"), KNOWN)
def test_replacements_are_those_of_every_version(
    name: str, value: bytes, kind: Kind, options: dict[str, Any], expected: bytes
) -> None:
    assert one(name, value, kind, **options) == expected

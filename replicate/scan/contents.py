"""What the values of a column are, whole: which share of them is of each sort."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from replicate.scan import identifiers
from replicate.scan.findings import Category
from replicate.scan.people import CITIES, FIRST_NAMES, LAST_NAMES
from replicate.scan.words import word_set

PROBE = 48
"""Values that are looked at first; what none of them is isn't looked for in the others."""

MOST = 400
"""Values of a column that are looked at; more would make a share no truer."""

ENOUGH = 8
"""Different values that it takes to say what they are not."""

_LONGEST = 4096  # characters of a value; what is longer is none of these, but for keys

EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\uffff]{1,64}@(?:[\w\-]{1,63}\.)+[^\W\d_]{2,24}"
)
_PHONE = re.compile(
    r"(?:\+|00)[1-9](?:[ .\-/()]{0,2}\d){6,14}(?:\s?(?:x|ext\.?)\s?\d{1,5})?"
    r"|\(0?\d{2,5}\)[ \-]?\d{2,4}(?:[ \-]\d{2,4}){1,3}|1?[\-. ]?\(?\d{3}\)?[\-. ]\d{3}[\-. ]\d{4}"
    r"|0\d{1,4}[ /\-](?:\d{2,8})(?:[ \-]\d{2,8}){0,3}|0[67](?:[ .]\d{2}){4}",
    re.ASCII,
)
_BARE_PHONE = re.compile(r"\+?\d{7,15}", re.ASCII)
_DATE_SHAPE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", re.ASCII)
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)", re.ASCII)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|(?=/|$))){4}(?:/\d{1,2})?", re.ASCII)
_IPV6 = re.compile(
    r"(?=(?:.*:){2})[0-9A-Fa-f:]{3,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?:/\d{1,3})?", re.ASCII
)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4}(?:[0-9A-Fa-f]{2}\1[0-9A-Fa-f]{2}\1)?"
    r"[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
    re.ASCII,
)
SECRET = re.compile(
    r"(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w\-]{16,}|xox[abprs]-[A-Za-z0-9\-]{10,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w\-]{30,}|ya29\.[\w\-]{20,}|shpat_[0-9a-f]{30,}"
    r"|SG\.[\w\-]{16,}\.[\w\-]{20,}|npm_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9\-_]{20,}"
    r"|eyJ[\w\-]{8,}\.eyJ[\w\-]{8,}\.[\w\-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----",
    re.ASCII,
)
_HASH = re.compile(
    r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$.{20,}|\$[156y]\$.{8,}"
    r"|\$(?:P|H)\$[./A-Za-z0-9]{31}|pbkdf2[_:]sha\d+[$:]\d+[$:].{10,}|scrypt:\d+:\d+:\d+\$.{10,}"
    r"|\$scrypt\$.{10,}|\{(?:S?SHA\d*|S?MD5|CRYPT|PBKDF2[^}]*)\}.{16,}|bcrypt(?:_sha256)?\$.{20,}"
    r"|argon2\$argon2.{20,}|\$pbkdf2-sha\d+\$.{10,}|\*[0-9A-F]{40}",
)
_PLAIN_HASH = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{56,64}|[0-9A-Fa-f]{96,128}")
UUID = re.compile(r"\{?[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?")
_RANDOM = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_\-+/.=]{20,}")
_RUN = re.compile(r"\d+|[A-Z]+|[^A-Z\d]+")
_URL_OF_USER = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*://(?:[^\s/@:]+(?::[^\s/@]*)?@\S+"
    r"|\S*[?&;](?:email|e-?mail|user|username|token|access_token|api_?key|password|phone)=\S+)",
    re.IGNORECASE,
)
_AGENT = re.compile(
    r"Mozilla/\d\.\d \(.+|(?:Opera|Dalvik|okhttp|curl|Wget|python-requests|PostmanRuntime|CFNetwork"
    r")/\d.*|[\w.\-]+/\d[\w.]* \((?:Linux|iPhone|iPad|Android|Windows|Macintosh|iOS|X11)[^)]*\).*"
)
_PAIR = re.compile(
    r"[(\[]?-?(?:90|[0-8]?\d)\.\d{3,}\s*[,; ]\s*-?(?:180|1[0-7]\d|\d?\d)\.\d{3,}[)\]]?"
    r"|POINT ?\(-?\d+(?:\.\d+)? -?\d+(?:\.\d+)?\)|-?\d{1,3}\.\d{3,}[NS],? ?\d{1,3}\.\d{3,}[EW]"
)
_STREET = re.compile(
    r"\d{1,5}[a-zA-Z]?,? (?:[^\W\d_][\w.'\-]* ?){1,4}"
    r"\b(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl"
    r"|square|sq|terrace|close|parkway|crescent|rue|allée)\b\.?.{0,40}"
    r"|[^\W\d_][\w.'\- ]*(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm|ufer|laan|straat)"
    r" \d{1,4} ?[a-z]?\b.{0,40}"
    r"|(?:\d{1,4}(?: bis| ter)?,? )?(?:rue|avenue|boulevard|place|chemin|calle|c/|avenida|av\.|rua"
    r"|plaza|via|viale|piazza|paseo|travessa) .{3,50}",
    re.IGNORECASE,
)
_BEHIND_STREET = re.compile(
    r"[,\n] ?.*\b(?:\d{4,6}|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})\b|[,\n][^,\n]*[^\W\d_].*[,\n]"
)
_POSTCODE = re.compile(
    r"\d{5}(?:-\d{4})?|\d{4}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
    r"|\d{4} ?[A-Z]{2}|\d{5}-\d{3}|\d{2}-\d{3}|\d{3} \d{2}|\d{6}|[A-Z]{1,2}-\d{4,5}",
    re.ASCII,
)
_UK_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] \d[A-Z]\d", re.ASCII)
_WORD = r"[^\W\d_][^\W\d_'\u2019\-]*(?:['\u2019\-][^\W\d_]+)*"
_ONE_WORD = re.compile(_WORD)
_FEW_WORDS = re.compile(rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?{_WORD},?(?: {_WORD}\.?,?){{1,4}}")
_PLACE = re.compile(r"[^\W\d_][^\d_@<>{}\[\]]{1,50}")
_LOGIN = re.compile(r"[\w.\-@+]{2,40}")
_BOOLEAN = word_set(
    """
    0 1 t f true false yes no y n on off ja nein oui non si
    """
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+\-]?\d+)?", re.ASCII)


def _is_phone(value: str) -> bool:
    return (
        _PHONE.fullmatch(value) is not None
        and _DATE_SHAPE.fullmatch(value) is None
        and not identifiers.is_ssn(value)
    )


def _is_ip(value: str) -> bool:
    if _IPV4.fullmatch(value) is not None:
        return True
    return _IPV6.fullmatch(value) is not None and _TIME.fullmatch(value) is None


def _is_address(value: str) -> bool:
    """A street, and a postcode or two more lines behind it."""
    return _STREET.match(value) is not None and _BEHIND_STREET.search(value) is not None


def _is_full_name(value: str) -> bool:
    if _FEW_WORDS.fullmatch(value) is None:
        return False
    words = value.lower().replace(",", " ").split()
    if words[0] in FIRST_NAMES:
        # A first name and anything: but of a ship or a rose, so much is said by the last as well.
        return len(words) > 1
    return any(word in FIRST_NAMES for word in words) and any(word in LAST_NAMES for word in words)


def _is_random(value: str) -> bool:
    """Letters of both cases and digits, in no order that words or numbers have."""
    if _RANDOM.fullmatch(value) is None or UUID.fullmatch(value) is not None:
        return False
    if _PLAIN_HASH.fullmatch(value) is not None:
        return False
    runs = sum(1 for _ in _RUN.finditer(value))
    return runs > len(value) / 4 and _entropy(value) > 3.3


def _entropy(value: str) -> float:
    """Bits a character, by how often each occurs."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Test:
    """A sort of values. `weight`: how surely the category is meant where all values pass; `least`
    the share of them that has to. `plural` is how they are called in a reason. `digits`: no value
    without a digit passes."""

    category: Category
    plural: str
    passes: Callable[[str], bool]
    weight: float
    least: float
    detail: str = ""
    digits: bool = False


TESTS: tuple[Test, ...] = (
    Test(Category.EMAIL, "e-mail addresses", _matches(EMAIL), 0.97, 0.05),
    Test(Category.PHONE, "written as phone numbers are", _is_phone, 0.8, 0.5, digits=True),
    Test(
        Category.CARD,
        "card numbers by their check digit",
        identifiers.is_card,
        0.97,
        0.6,
        digits=True,
    ),
    Test(Category.IBAN, "IBANs by their check digits", identifiers.is_iban, 0.98, 0.4, digits=True),
    *(
        Test(Category.NATIONAL_ID, f"valid as {name}", test, weight, 0.7, name, True)
        for name, (test, weight) in identifiers.NATIONAL.items()
    ),
    Test(Category.IP, "IP addresses", _is_ip, 0.9, 0.5),
    Test(Category.MAC, "MAC addresses", _matches(_MAC), 0.93, 0.5),
    Test(Category.SECRET, "keys or tokens by how they begin", _matches(SECRET), 0.97, 0.2),
    Test(Category.SECRET, "long and random", _is_random, 0.5, 0.8),
    Test(Category.PASSWORD, "password hashes", _matches(_HASH), 0.97, 0.3),
    Test(Category.URL, "URLs with a user or a secret", _matches(_URL_OF_USER), 0.9, 0.1),
    Test(Category.USER_AGENT, "user agents", _matches(_AGENT), 0.92, 0.4),
    Test(Category.GEO, "pairs of coordinates", _matches(_PAIR), 0.75, 0.6),
    Test(Category.ADDRESS, "written as addresses are", _is_address, 0.85, 0.35),
    Test(Category.STREET, "written as streets are", _matches(_STREET), 0.8, 0.35),
    Test(Category.POSTCODE, "written as postcodes are", _matches(_UK_POSTCODE), 0.65, 0.8),
    Test(Category.FULL_NAME, "names of persons", _is_full_name, 0.82, 0.3),
    Test(Category.FIRST_NAME, "common first names", lambda v: v.lower() in FIRST_NAMES, 0.72, 0.3),
    Test(Category.LAST_NAME, "common last names", lambda v: v.lower() in LAST_NAMES, 0.65, 0.3),
    Test(Category.CITY, "names of cities", lambda v: v.lower() in CITIES, 0.35, 0.3),
)

_LAT_LON = re.compile(r"-?(?:1[0-7]\d|180|\d?\d)\.\d+|-?(?:1[0-7]\d|180|\d?\d)", re.ASCII)

PLAUSIBLE: Mapping[Category, Callable[[str], bool]] = {
    Category.EMAIL: _matches(EMAIL),
    Category.PHONE: lambda v: (
        _is_phone(v) or _BARE_PHONE.fullmatch(identifiers.bare(v)) is not None
    ),
    Category.FIRST_NAME: lambda v: _ONE_WORD.match(v) is not None and len(v.split()) < 4,
    Category.LAST_NAME: lambda v: _ONE_WORD.match(v) is not None and len(v.split()) < 5,
    Category.FULL_NAME: lambda v: _FEW_WORDS.fullmatch(v) is not None or not v.isascii(),
    Category.USERNAME: lambda v: _LOGIN.fullmatch(v) is not None and not _NUMBER.fullmatch(v),
    Category.ADDRESS: lambda v: len(v) > 7 and " " in v and any(c.isalpha() for c in v),
    Category.STREET: lambda v: any(c.isalpha() for c in v) or len(v) < 6,
    Category.CITY: lambda v: _PLACE.fullmatch(v) is not None,
    Category.POSTCODE: _matches(_POSTCODE),
    Category.CARD: identifiers.is_card,
    Category.IBAN: identifiers.is_iban,
    Category.BANK_ACCOUNT: lambda v: sum(c.isdigit() for c in v) > 4,
    Category.NATIONAL_ID: lambda v: 5 < len(v) < 24 and sum(c.isdigit() for c in v) > 3,
    Category.IP: _is_ip,
    Category.MAC: _matches(_MAC),
    Category.SECRET: lambda v: " " not in v and (len(v) > 5 or v.isdigit()),
    Category.PASSWORD: lambda v: len(v) > 3 and not _DATE_SHAPE.match(v),
    Category.BIRTH_DATE: lambda v: _YEAR.search(v) is not None or _DATE_SHAPE.match(v) is not None,
    Category.GEO: lambda v: _LAT_LON.fullmatch(v) is not None or _PAIR.fullmatch(v) is not None,
    Category.URL: lambda v: "/" in v or "." in v or v.startswith("@"),
    Category.USER_AGENT: _matches(_AGENT),
    Category.COMPANY: lambda v: any(c.isalpha() for c in v) and len(v) < 80,
    Category.FREE_TEXT: lambda v: " " in v.strip(),
}
"""Whether a value may be one of the category, if the column's name says so."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the values pass a test."""

    test: Test
    passed: int
    of: int

    @property
    def part(self) -> float:
        return self.passed / self.of

    @property
    def why(self) -> str:
        if self.of == 1:
            return f"the values seen (just 1) are {self.test.plural}"
        return f"{percent(self.part)} of {count(self.of)} are {self.test.plural}"


def percent(part: float) -> str:
    """A share for people; what is less than all is never 100 %."""
    return f"{min(99, round(part * 100)) if part < 1 else 100} %"


def count(number: int) -> str:
    return "1 value" if number == 1 else f"{number:,} values"


def shares(values: Sequence[str]) -> list[Share]:
    """The tests that enough of the different `values` pass, in the order of `TESTS`."""
    if not values:
        return []
    values = _spread(values, MOST)
    short = [value for value in values if len(value) <= _LONGEST]
    probe = _spread(short, PROBE)
    digits = any(c.isdigit() for value in probe for c in value)
    found = []
    for test in TESTS:
        if (test.digits and not digits) or not any(map(test.passes, probe)):
            continue
        passed = sum(map(test.passes, short))
        if passed / len(values) >= test.least:
            found.append(Share(test, passed, len(values)))
    return found


def _spread(values: Sequence[str], most: int) -> Sequence[str]:
    """At most that many of the values, as far from each other as they are."""
    return values[:: max(1, len(values) // most)][:most] if len(values) > most else values


def plausible(category: Category, values: Sequence[str]) -> float:
    """The share of `values` that may be of the category; only a probe of them is looked at."""
    probe = _spread(values, PROBE)
    fits = PLAUSIBLE[category]
    return sum(fits(value[:_LONGEST]) for value in probe) / len(probe)


def booleans(values: Sequence[str]) -> bool:
    """Whether the values are answers to a question of yes or no."""
    return len(values) < 3 and all(value.lower() in _BOOLEAN for value in values)


def like_versions(values: Sequence[str]) -> bool:
    """Whether what has the shape of IP addresses counts up as versions do."""
    heads = [int(v.partition(".")[0]) for v in values if _IPV4.fullmatch(v) is not None]
    return bool(heads) and sum(head < 10 for head in heads) > 0.9 * len(heads)


def years(values: Sequence[str]) -> list[int]:
    """The years of those values that are dates."""
    found = (_YEAR.search(value[:40]) for value in values)
    return [int(match[1]) for match in found if match is not None]

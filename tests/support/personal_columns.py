"""A database of columns whose contents are known: personal ones, and others that look like it."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from replicate.scan.findings import Category

C = Category
Make = Callable[[random.Random, int], object]
"""Makes the value of a row, of which the number is given."""


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = listed(
    """
    Maria John Aylin Tomás Ingeborg Wei Fatou Luca Priya Svenja Michael Chloé Emma Noor Anna
    Peter Sofia Kwame Laura David Hiroshi Paul Julia Jonas Nadia Carlos Lea Omar Grace Dmitri
    """
)
LAST = listed(
    """
    Müller Smith Okafor García Nguyen Rossi Kowalska Svensson Dubois Fernandes Schneider Tanaka
    Brown Al-Masri Johnson O'Neill Petrov Silva Wagner Martin Yildiz Jansen Lopez Weber Banerjee
    """
)
CITIES = listed(
    """
    Berlin Leeds Lyon Porto Oslo Madrid Gera Aarau Tours Graz Turin Denver Utrecht
    """
)
STREETS = ("High Street", "Station Road", "Church Lane", "Mill Lane", "Park Avenue", "Elm Drive")
WORDS = listed(
    """
    steel oak compact travel garden deluxe cable lamp table chair drill bottle filter carpet
    wireless classic ultra mini round folding blue black heavy soft water coffee paper glass
    """
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS {0}_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
)
BASE64 = string.ascii_letters + string.digits + "-_"


@dataclass(frozen=True)
class Known:
    """A column: its name, its type in both databases, what it is (None for nothing personal)."""

    name: str
    expected: Category | None
    make: Make
    sqlite: str = "TEXT"
    postgresql: str = "text"


@dataclass(frozen=True)
class KnownTable:
    name: str
    columns: tuple[Known, ...]
    comments: dict[str, str] = field(default_factory=dict)


def digits(r: random.Random, count: int) -> str:
    return "".join(r.choices(string.digits, k=count))


def letters(r: random.Random, count: int, of: str = BASE64) -> str:
    return "".join(r.choices(of, k=count))


def first(r: random.Random, _: int) -> str:
    return r.choice(FIRST)


def last(r: random.Random, _: int) -> str:
    return r.choice(LAST)


def full(r: random.Random, _: int) -> str:
    return f"{r.choice(FIRST)} {r.choice(LAST)}"


def email(r: random.Random, i: int) -> str:
    return f"{letters(r, 6, string.ascii_lowercase)}.{i}@{r.choice(WORDS)}-mail.example"


def phone(r: random.Random, _: int) -> str:
    return r.choice(
        (
            f"+49 {r.randint(151, 179)} {digits(r, 8)}",
            f"({r.randint(201, 989)}) 555-{digits(r, 4)}",
            f"0{r.randint(20, 99)} {digits(r, 8)}",
        )
    )


def luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(r: random.Random, _: int) -> str:
    body = "4" + digits(r, 14)
    return body + luhn_digit(body)


def iban(r: random.Random, _: int) -> str:
    body = digits(r, 18)
    return f"DE{98 - int(body + '131400') % 97:02d}{body}"


def ssn(r: random.Random, _: int) -> str:
    return f"{r.randint(1, 665):03d}-{r.randint(1, 99):02d}-{r.randint(1, 9999):04d}"


def dni(r: random.Random, _: int) -> str:
    number = r.randrange(10**8)
    return f"{number:08d}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def cpf(r: random.Random, _: int) -> str:
    body = digits(r, 9)
    for size in (9, 10):
        total = sum(int(d) * (size + 1 - i) for i, d in enumerate(body[:size]))
        body += str(total * 10 % 11 % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def ip(r: random.Random, _: int) -> str:
    return ".".join(str(r.randint(1, 254)) for _ in range(4))


def mac(r: random.Random, _: int) -> str:
    return ":".join(f"{r.randrange(256):02x}" for _ in range(6))


def words(r: random.Random, count: int) -> str:
    return " ".join(r.choices(WORDS, k=count))


def note(r: random.Random, i: int) -> str:
    text = words(r, 9)
    return f"{text}, call {phone(r, i)} or write to {email(r, i)}" if i % 6 == 0 else text


def date(r: random.Random, years: range) -> str:
    return f"{r.choice(years)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def moment(r: random.Random, _: int) -> str:
    return f"{date(r, range(2024, 2026))} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:00"


def bcrypt(r: random.Random, _: int) -> str:
    return "$2b$12$" + letters(r, 53, "./" + string.ascii_letters + string.digits)


def jwt(r: random.Random, _: int) -> str:
    return f"eyJ{letters(r, 30)}.eyJ{letters(r, 60)}.{letters(r, 43)}"


def hexadecimal(count: int) -> Make:
    return lambda r, _: letters(r, count, "0123456789abcdef")


def one_of(*values: str) -> Make:
    return lambda r, _: r.choice(values)


def number(low: int, high: int) -> Make:
    return lambda r, _: r.randint(low, high)


def uuid(r: random.Random, i: int) -> str:
    text = str(hexadecimal(32)(r, i))
    return "-".join((text[:8], text[8:12], "4" + text[13:16], "a" + text[17:20], text[20:]))


def profile(r: random.Random, i: int) -> str:
    return json.dumps(
        {
            "theme": r.choice(("dark", "light")),
            "contacts": [{"email": email(r, i), "label": "home"}],
            "visits": r.randint(0, 99),
        }
    )


def settings(r: random.Random, _: int) -> str:
    return json.dumps({"theme": r.choice(("dark", "light")), "page": {"size": r.randint(10, 99)}})


def address(r: random.Random, _: int) -> str:
    return f"{r.randint(1, 200)} {r.choice(STREETS)}, {digits(r, 5)} {r.choice(CITIES)}"


def street(r: random.Random, _: int) -> str:
    return f"{r.randint(1, 200)} {r.choice(STREETS)}"


def postcode(r: random.Random, _: int) -> str:
    return digits(r, 5)


def username(r: random.Random, i: int) -> str:
    return f"{letters(r, 5, string.ascii_lowercase)}{i % 97}"


INT = ("INTEGER", "integer")
BIG = ("INTEGER", "bigint")
BOOL = ("BOOLEAN", "boolean")
TIME = ("TIMESTAMP", "timestamp")
DATE = ("DATE", "date")


def boolean(r: random.Random, _: int) -> object:
    return r.random() < 0.5


TABLES = (
    KnownTable(
        "customers",
        (
            Known("email", C.EMAIL, email),
            Known("email_verified", None, boolean, *BOOL),
            Known("email_sent_count", None, number(0, 20), *INT),
            Known("first_name", C.FIRST_NAME, first),
            Known("lname", C.LAST_NAME, last),
            Known("displayName", C.FULL_NAME, full),
            Known("telNo", C.PHONE, phone),
            Known("phone_type", None, one_of("mobile", "home", "work")),
            Known("dob", C.BIRTH_DATE, lambda r, _: date(r, range(1940, 2006)), *DATE),
            Known("street", C.STREET, street),
            Known("city", C.CITY, lambda r, _: r.choice(CITIES)),
            Known("plz", C.POSTCODE, postcode),
            Known("country_code", None, one_of("DE", "FR", "GB")),
            Known("card_no", C.CARD, card),
            Known("iban", C.IBAN, iban),
            Known("ssn", C.NATIONAL_ID, ssn),
            Known("login", C.USERNAME, username),
            Known("last_login_at", None, moment, *TIME),
            Known("password_digest", C.PASSWORD, bcrypt),
            Known("password_changed_at", None, moment, *TIME),
            Known("remarks", C.FREE_TEXT, note),
            Known("profile", C.EMAIL, profile, "JSON", "jsonb"),
            Known("settings", None, settings, "JSON", "jsonb"),
            Known("newsletter", None, boolean, *BOOL),
            Known("status", None, one_of("new", "active", "closed")),
            Known("loyalty_points", None, number(0, 99999), *INT),
            Known("created_at", None, moment, *TIME),
        ),
    ),
    KnownTable(
        "sessions",
        (
            Known("client_ip", C.IP, ip),
            Known(
                "user_agent", C.USER_AGENT, lambda r, _: r.choice(AGENTS).format(r.randint(90, 140))
            ),
            Known("refresh_token", C.SECRET, jwt),
            Known("token_type", None, one_of("bearer", "mac")),
            Known("device_mac", C.MAC, mac),
            Known("latitude", C.GEO, lambda r, _: round(r.uniform(-60, 60), 5), "REAL", "float8"),
            Known("lng", C.GEO, lambda r, _: round(r.uniform(-170, 170), 5), "REAL", "float8"),
            Known("request_id", None, uuid, "TEXT", "uuid"),
            Known("ip_version", None, number(4, 6), *INT),
            Known("duration_ms", None, number(10, 100000), *INT),
            Known("referrer", C.URL, lambda r, i: f"https://shop.example/r?email={email(r, i)}"),
        ),
    ),
    KnownTable(
        "misc",
        (
            Known("c1", C.EMAIL, email),
            Known("c2", C.IBAN, iban),
            Known("c3", C.CARD, card),
            Known("c4", C.FULL_NAME, full),
            Known("c5", C.NATIONAL_ID, dni),
            Known("c6", C.NATIONAL_ID, cpf),
            Known("c7", C.PHONE, lambda r, _: f"+44 7{digits(r, 9)}"),
            Known("c8", C.SECRET, lambda r, _: "ghp_" + letters(r, 36, BASE64[:62])),
            Known("c9", C.IP, ip),
            Known("c10", C.FREE_TEXT, note),
            Known("c11", None, lambda r, _: words(r, 8)),
            Known("c12", None, lambda r, _: digits(r, 16)),
            Known("c13", None, hexadecimal(64)),
            Known(
                "c14",
                None,
                lambda r, _: f"{r.randint(0, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}.1",
            ),
            Known("c15", C.STREET, street),
            Known("c16", None, moment),
            Known("c17", None, lambda r, _: f"{r.uniform(0, 999):.2f}"),
            Known("c18", None, uuid),
        ),
    ),
    KnownTable(
        "products",
        (
            Known("name", None, lambda r, _: words(r, 2).title()),
            Known("sku", None, lambda r, _: digits(r, 13)),
            Known("description", None, lambda r, _: words(r, 12)),
            Known("brand", None, lambda r, _: r.choice(WORDS).title()),
            Known("price", None, lambda r, _: round(r.uniform(1, 900), 2), "REAL", "numeric(8,2)"),
            Known("ean", None, lambda r, _: digits(r, 13)),
            Known("order_number", None, lambda _, i: 4_000_000_000_000_000 + i * 7, *BIG),
            Known("image_url", None, lambda _, i: f"https://cdn.shop.example/p/{i}.png"),
            Known("version", None, lambda r, _: f"{r.randint(1, 9)}.2.{r.randint(0, 9)}.4"),
            Known("weight", None, lambda r, _: round(r.uniform(1, 90), 3), "REAL", "float8"),
        ),
    ),
    KnownTable(
        "files",
        (
            Known("filename", None, lambda r, i: f"{r.choice(WORDS)}_{i}.pdf"),
            Known("sha256", None, hexadecimal(64)),
            Known("etag", None, hexadecimal(32)),
            Known("hostname", None, lambda _, i: f"web-{i % 9}.internal.example"),
            Known("mime_type", None, one_of("image/png", "text/html", "application/pdf")),
            Known("user_count", None, number(0, 90), *INT),
            Known("table_name", None, one_of("users", "orders", "emails")),
            Known("address_family", None, one_of("inet", "inet6")),
            Known("path", None, lambda r, i: f"/srv/data/{r.choice(WORDS)}/{i}"),
        ),
    ),
    KnownTable(
        "warehouses",
        (
            Known("city", None, lambda r, _: r.choice(CITIES)),
            Known("name", None, lambda r, i: f"{r.choice(CITIES)} {r.choice(WORDS).title()} {i}"),
            Known("capacity", None, number(100, 99999), *INT),
            Known("email_template_id", None, number(1, 50), *INT),
            Known("phone_count", None, number(0, 3), *INT),
            Known("card_accepted", None, boolean, *BOOL),
            Known("opened_on", None, lambda r, _: date(r, range(2001, 2024)), *DATE),
        ),
    ),
    KnownTable(
        "mitarbeiter",
        (
            Known("Vorname", C.FIRST_NAME, first),
            Known("Nachname", C.LAST_NAME, last),
            Known("Geburtsdatum", C.BIRTH_DATE, lambda r, _: date(r, range(1955, 2004)), *DATE),
            Known("Straße", C.STREET, lambda r, _: f"{r.choice(LAST)}weg {r.randint(1, 99)}"),
            Known("Wohnort", C.CITY, lambda r, _: r.choice(CITIES)),
            Known("Rufnummer", C.PHONE, phone),
            Known("Kontonr", C.BANK_ACCOUNT, lambda r, _: digits(r, 10)),
            Known("Gehalt", None, number(2000, 9000), *INT),
            Known("Abteilung", None, one_of("Vertrieb", "Technik", "Einkauf")),
            Known("kuerzel", C.USERNAME, username),
            Known("info", C.PHONE, lambda r, _: f"0{digits(r, 9)}"),
        ),
        {"kuerzel": "Login name in the directory", "info": "private phone number"},
    ),
)
"""Comments stand in PostgreSQL alone."""


MORE = (
    KnownTable(
        "clientes",
        (
            Known("nombre", C.FIRST_NAME, first),
            Known("apellidos", C.LAST_NAME, lambda r, i: f"{last(r, i)} {last(r, i)}"),
            Known("correo_electronico", C.EMAIL, email),
            Known("telefono_movil", C.PHONE, phone),
            Known("fecha_nacimiento", C.BIRTH_DATE, lambda r, _: date(r, range(1950, 2003)), *DATE),
            Known("direccion", C.ADDRESS, address),
            Known("codigo_postal", C.POSTCODE, postcode),
            Known("dni", C.NATIONAL_ID, dni),
            Known("fecha_alta", None, lambda r, _: date(r, range(2022, 2025)), *DATE),
            Known("idioma", None, one_of("es", "ca", "en")),
            Known("saldo", None, lambda r, _: round(r.uniform(0, 9000), 2), "REAL", "numeric(9,2)"),
            Known("vip", None, boolean, *BOOL),
        ),
    ),
    KnownTable(
        "utilisateurs",
        (
            Known("prenom", C.FIRST_NAME, first),
            Known("nom_de_famille", C.LAST_NAME, last),
            Known("courriel", C.EMAIL, email),
            Known("mot_de_passe", C.PASSWORD, hexadecimal(64)),
            Known("ville", C.CITY, lambda r, _: r.choice(CITIES)),
            Known("code_postal", C.POSTCODE, postcode),
            Known("derniere_connexion", None, moment, *TIME),
            Known("actif", None, boolean, *BOOL),
            Known("nb_commandes", None, number(0, 40), *INT),
        ),
    ),
    KnownTable(
        "T_ORDERS",
        (
            Known("SHIP_ADDR_LINE_1", C.STREET, street),
            Known("SHIP_CITY", C.CITY, lambda r, _: r.choice(CITIES)),
            Known("SHIP_ZIP", C.POSTCODE, postcode),
            Known("BILL_TO_NAME", C.FULL_NAME, full),
            Known("CUST_EMAIL_ADDR", C.EMAIL, email),
            Known("CUST_PH", C.PHONE, phone),
            Known("ORD_NO", None, lambda _, i: 100000 + i, *INT),
            Known("TRACKING_NO", None, lambda r, _: "1Z" + digits(r, 16)),
            Known("PAYMENT_METHOD", None, one_of("card", "paypal", "invoice")),
            Known("CC_LAST4", None, lambda r, _: digits(r, 4)),
            Known("STATE", None, one_of("new", "paid", "shipped")),
            Known("ORD_TS", None, moment, *TIME),
            Known("CURRENCY", None, one_of("EUR", "USD", "GBP")),
            Known("WEIGHT_G", None, number(10, 9000), *INT),
            Known("GIFT_MSG", C.FREE_TEXT, note),
        ),
    ),
    KnownTable(
        "oauth_clients",
        (
            Known("clientSecret", C.SECRET, lambda r, _: letters(r, 40)),
            Known("apiKey", C.SECRET, lambda r, _: "sk_live_" + letters(r, 24, BASE64[:62])),
            Known("redirectUri", None, lambda _, i: f"https://app{i}.example/callback"),
            Known("scopes", None, one_of("read write", "read", "email profile")),
            Known("clientName", None, lambda r, _: words(r, 2).title() + " App"),
            Known("tokenTtl", None, number(60, 90000), *INT),
            Known("grantTypes", None, one_of("password", "client_credentials")),
            Known("contactEmail", C.EMAIL, email),
        ),
    ),
    KnownTable(
        "telemetry",
        (
            Known(
                "geo", C.GEO, lambda r, _: f"{r.uniform(-60, 60):.6f},{r.uniform(-170, 170):.6f}"
            ),
            Known("src", C.IP, ip),
            Known("ua", C.USER_AGENT, lambda r, _: r.choice(AGENTS).format(r.randint(90, 140))),
            Known("host_name", None, lambda _, i: f"node-{i % 40}"),
            Known(
                "mobile_app_version", None, lambda r, _: f"{r.randint(1, 9)}.{r.randint(0, 30)}.0"
            ),
            Known("page_title", None, lambda r, _: words(r, 4).title()),
            Known("trace_id", None, hexadecimal(32)),
            Known("span_id", None, hexadecimal(16)),
            Known("payload_hash", None, hexadecimal(40)),
            Known("commit_sha", None, hexadecimal(40)),
            Known("session_count", None, number(1, 50), *INT),
            Known("epoch_ms", None, lambda _, i: 1_700_000_000_000 + i * 991, *BIG),
            Known("email_domain", None, lambda r, _: f"{r.choice(WORDS)}.example"),
            Known("city_id", None, number(1, 9999), *INT),
            Known("address_type", None, one_of("billing", "shipping")),
            Known("birthday_reminder", None, boolean, *BOOL),
            Known("serial_number", None, lambda r, _: f"SN-{digits(r, 9)}"),
            Known(
                "isbn",
                None,
                lambda r, _: f"978-{digits(r, 1)}-{digits(r, 4)}-{digits(r, 4)}-{digits(r, 1)}",
            ),
            Known("ratio", None, lambda r, _: round(r.uniform(-90, 90), 6), "REAL", "float8"),
        ),
    ),
)
"""Written after the rules of the scan, to see how they do with what they were not made for."""


def rows_of(table: KnownTable, count: int, seed: int = 7) -> Iterator[tuple[object, ...]]:
    r = random.Random(f"{seed} {table.name}")
    for i in range(count):
        yield tuple(column.make(r, i) for column in table.columns)


def expected() -> dict[tuple[str, str], Category | None]:
    """What each column is, by table and name."""
    return {(t.name, c.name): c.expected for t in (*TABLES, *MORE) for c in t.columns}


def create(*, postgresql: bool) -> str:
    """SQL that creates all tables."""
    statements = []
    for table in (*TABLES, *MORE):
        columns = [f'"{c.name}" {c.postgresql if postgresql else c.sqlite}' for c in table.columns]
        statements.append(f'CREATE TABLE "{table.name}" ({", ".join(columns)});')
        if postgresql:
            statements += [
                f'COMMENT ON COLUMN "{table.name}"."{name}" IS \'{text}\';'
                for name, text in table.comments.items()
            ]
    return "\n".join(statements)

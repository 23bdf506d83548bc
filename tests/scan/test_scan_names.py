"""What names tell: words in several spellings and languages, and words that turn them away."""

from __future__ import annotations

import pytest

from replicate.scan.findings import Category
from replicate.scan.names import hints, parts

C = Category


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customerEMailAddress", ("customer", "e", "mail", "address")),
        ("HTTPServer2", ("http", "server", "2")),
        ("Größe__des-Straße", ("grosse", "des", "strasse")),
        ("teléfono móvil", ("telefono", "movil")),
        ("", ()),
        ("日付", ()),
    ],
)
def test_a_name_falls_into_words(name: str, expected: tuple[str, ...]) -> None:
    assert parts(name) == expected


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("email", C.EMAIL),
        ("userEmail", C.EMAIL),
        ("CUST_E_MAIL", C.EMAIL),
        ("contact_email_address", C.EMAIL),
        ("email2", C.EMAIL),
        ("fname", C.FIRST_NAME),
        ("GivenName", C.FIRST_NAME),
        ("vorname", C.FIRST_NAME),
        ("prénom", C.FIRST_NAME),
        ("last_name", C.LAST_NAME),
        ("apellidos", C.LAST_NAME),
        ("sobrenome", C.LAST_NAME),
        ("fullName", C.FULL_NAME),
        ("cardholder_name", C.FULL_NAME),
        ("user_name", C.USERNAME),
        ("telNo", C.PHONE),
        ("mobile", C.PHONE),
        ("kundentelefon", C.PHONE),
        ("dob", C.BIRTH_DATE),
        ("date_of_birth", C.BIRTH_DATE),
        ("fecha_de_nacimiento", C.BIRTH_DATE),
        ("plz", C.POSTCODE),
        ("ZIPCode", C.POSTCODE),
        ("Straße", C.STREET),
        ("address_line_1", C.STREET),
        ("shipping_address", C.ADDRESS),
        ("city", C.CITY),
        ("ccNumber", C.CARD),
        ("iban", C.IBAN),
        ("ssn", C.NATIONAL_ID),
        ("passport_no", C.NATIONAL_ID),
        ("ip_address", C.IP),
        ("mac_address", C.MAC),
        ("refresh_token", C.SECRET),
        ("password_hash", C.PASSWORD),
        ("pwd", C.PASSWORD),
        ("latitude", C.GEO),
        ("user_agent", C.USER_AGENT),
    ],
)
def test_a_telling_name(name: str, category: Category) -> None:
    best = hints("records", name)[0]
    assert best.category is category
    assert best.strength >= 0.5


@pytest.mark.parametrize(
    "name",
    [
        *("email_verified", "is_email_confirmed", "email_template_id", "emails_sent_count"),
        *("phone_type", "has_phone", "password_changed_at", "token_expires_at", "token_count"),
        *("filename", "hostname", "host_name", "table_name", "product_name", "user_count", "sku"),
        *("last_login_at", "city_id", "address_type", "birthday_email_sent", "ip_version"),
        *(
            "microphone",
            "checksum",
            "version",
            "status",
            "order_number",
            "created_at",
            "headphones",
        ),
    ],
)
def test_a_name_that_only_sounds_so(name: str) -> None:
    assert all(hint.strength < 0.3 for hint in hints("records", name))


def test_the_table_says_whose_name_it_is() -> None:
    def strength(table: str) -> float:
        return next(h.strength for h in hints(table, "name") if h.category is C.FULL_NAME)

    assert strength("customers") > 0.5 > strength("products")
    of_person, of_thing = (hints(table, "city")[0].strength for table in ("patients", "warehouses"))
    assert of_person > 0.6 > of_thing


def test_comments_and_types_tell_as_well() -> None:
    [hint] = hints("t", "c7", comment="The customer's date of birth, as told")
    assert hint.category is C.BIRTH_DATE
    assert hints("t", "c7", comment="When the email was sent; email type") == []
    assert hints("t", "c7", "inet")[0].category is C.IP
    assert hints("t", "c7", "public.email_address")[0].category is C.EMAIL
    assert hints("t", "c7", "character varying(20)") == []

"""URLs, names of domains and of browsers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicate.errors import UsageError
from replicate.rows.column import Kind, Limits
from replicate.transformers.base import Target, Uniqueness
from replicate.transformers.networks.user_agents import USER_AGENTS
from replicate.transformers.registry import build
from tests.support.distinct import outcomes
from tests.support.masking import KEYED, OTHER, RANDOM, apply, one

HOST = rb"example\.(com|net|org)"
MANY: list[bytes | None] = [b"https://h%d.test/path/%d?q=%d" % (i, i, i) for i in range(3000)]


def column_of(most: int | None = None, *, unique: bool = False) -> Target:
    return Target(Kind.TEXT, Limits(max_chars=most), unique=unique)


# URLs


@pytest.mark.parametrize(
    ("value", "form", "kept"),
    [
        (b"https://acme.test", rb"https://@", rb"https://acme.test"),
        (b"HTTP://acme.test/", rb"HTTP://@/", rb"HTTP://acme.test/"),
        (b"https://acme.test:8443/a/bc", rb"https://@:8443/w/ww", rb"https://acme.test:8443/w/ww"),
        (b"https://jane:pw@acme.test/a", rb"https://@/w", rb"https://acme.test/w"),
        (b"https://jane@mail@acme.test", rb"https://@", rb"https://acme.test"),
        (b"http://[2001:db8::1]:80/a", rb"http://@:80/w", rb"http://\[2001:db8::1\]:80/w"),
        (b"http://[2001:db8::1]/a", rb"http://@/w", rb"http://\[2001:db8::1\]/w"),
        (b"http://acme.test:x/a", rb"http://@/w", rb"http://acme.test:x/w"),
        ("http://müller.test/ü".encode(), rb"http://@/ww", rb"http://@/ww"),
        (b"ftp://acme.test/a//b/", rb"ftp://@/w//w/", rb"ftp://acme.test/w//w/"),
        (b"git+ssh://acme.test/a", rb"git\+ssh://@/w", rb"git\+ssh://acme.test/w"),
        (b"//acme.test/a", rb"//@/w", rb"//acme.test/w"),
        (b"/a/b.jpg", rb"/w/wwwww", rb"/w/wwwww"),
        (b"file:///home/jane", rb"file:///wwww/wwww", rb"file:///wwww/wwww"),
        (b"http://a.test?x=12&y=", rb"http://@\?x=ww&y=", rb"http://a.test\?x=ww&y="),
        (b"http://a.test/?x=1=2==&z", rb"http://@/\?x=wwwww&w", rb"http://a.test/\?x=wwwww&w"),
        (b"http://a.test/?;=&=1", rb"http://@/\?;=&=w", rb"http://a.test/\?;=&=w"),
        (b"/?a/b=c/d?e#f/g?h=i&j", rb"/\?a/b=wwwww#w/wwwwwww", rb"/\?a/b=wwwww#w/wwwwwww"),
        ("/?ü=1".encode(), rb"/\?ww=w", rb"/\?ww=w"),
        (b"http://a.test#a=b", rb"http://@#www", rb"http://a.test#www"),
        (b"http://a.test/%C3%BC", rb"http://@/wwwwww", rb"http://a.test/wwwwww"),
        (b"/x\0y", rb"/www", rb"/www"),
        # What is no URL.
        (b"acme.test/a", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"mailto:jane@acme.test", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"1http://acme.test", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"://acme.test", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"see http://acme.test", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"a" * 17 + b"://acme.test", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"\xff\xfe", rb"https://@/w{16}", rb"https://@/w{16}"),
        (b"x", rb"https://@/w{16}", rb"https://@/w{16}"),
    ],
)
def test_a_url_keeps_its_shape(value: bytes, form: bytes, kept: bytes) -> None:
    # Before and behind others, which have all the signs that there are.
    other = b"s3://u:p@a.test:1/?a=b&c=#d"
    choices: list[tuple[dict[str, Any], bytes]] = [({}, form), ({"keep_host": True}, kept)]
    for options, expected in choices:
        pattern = expected.replace(b"w", b"[a-z0-9]").replace(b"@", HOST)
        outcome = apply("url", [other, value, None, b"", other], **options)
        assert re.fullmatch(pattern, outcome[1] or b""), outcome[1]
        assert outcome[2:4] == [None, b""]
        assert outcome[0] == outcome[4] == one("url", other, **options)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["http", "https", "ftp"]),
            st.from_regex(r"[a-z]{1,9}\.test(:[0-9]{1,5})?", fullmatch=True),
            st.lists(st.from_regex(r"[A-Za-z0-9._~%-]{1,9}", fullmatch=True), max_size=4),
            st.dictionaries(
                st.from_regex(r"[a-z]{1,5}", fullmatch=True),
                st.from_regex(r"[A-Z0-9.]{1,9}", fullmatch=True),
                max_size=4,
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None)
def test_the_parts_of_a_url_stay_parts(urls: list[Any]) -> None:
    values = []
    for scheme, host, path, query in urls:
        text = f"{scheme}://{host}" + "".join(f"/{part}" for part in path)
        text += "?" * bool(query) + "&".join(f"{name}={value}" for name, value in query.items())
        values.append(text)
    outcome = apply("url", [value.encode() for value in values])
    for value, new in zip(values, outcome, strict=True):
        old, found = urlsplit(value), urlsplit((new or b"").decode())
        assert found.scheme == old.scheme
        assert found.netloc.partition(":")[1:] == old.netloc.partition(":")[1:]
        assert found.hostname in ("example.com", "example.net", "example.org")
        assert [len(p) for p in found.path.split("/")] == [len(p) for p in old.path.split("/")]
        pairs, others = parse_qsl(old.query), parse_qsl(found.query)
        assert [(name, len(text)) for name, text in pairs] == [
            (name, len(text)) for name, text in others
        ]
        assert all(text.islower() or text.isdigit() for _, text in others)


# The replacements under one key stay the same from version to version.
KNOWN: list[tuple[bytes, dict[str, Any], bytes]] = [
    (
        b"https://shop.acme.test:8443/users/jane-roe?tab=orders&id=42#top",
        {},
        b"https://example.net:8443/6o124/s1rn49t5?tab=2apxzk&id=2g#sbr",
    ),
    (b"https://jane@acme.test/a", {"keep_host": True}, b"https://acme.test/g"),
    (b"/a/b.jpg?x=1=2;y&z=3", {}, b"/6/zalg6?x=32m;6&z=u"),
    (b"acme.test", {}, b"https://example.net/2f4zut4hongmnhdc"),
]


@pytest.mark.parametrize(("value", "options", "expected"), KNOWN)
def test_replacements_are_those_of_every_version(
    value: bytes, options: dict[str, Any], expected: bytes
) -> None:
    assert one("url", value, **options) == expected


def test_the_same_host_becomes_the_same_one() -> None:
    hosts: dict[int, str | None] = {}
    for i in range(200):
        value = f"https://shop{i % 20}.test:{8000 + i}/{i}"
        new = urlsplit(one("url", value.encode()).decode())
        assert hosts.setdefault(i % 20, new.hostname) == new.hostname
    assert len(set(hosts.values())) == 3


def test_characters_of_a_path_are_drawn() -> None:
    outcome = apply("url", [b"/%06d%d" % (i, i) for i in range(5000)])
    for place in range(1, 7):
        counts: dict[int, int] = {}
        for value in outcome:
            counts[(value or b"")[place]] = counts.get((value or b"")[place], 0) + 1
        assert len(counts) == 36
        assert max(counts.values()) < 3 * 5000 / 36


@pytest.mark.parametrize("most", [19, 25, 40])
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(["/ü?ü=ü"])), max_size=5))
@settings(deadline=None, max_examples=30)
def test_a_url_fits_the_column(most: int, texts: list[str]) -> None:
    values = [text.encode() for text in texts]
    values += [b"https://a.test:12345/abcdefghijklmnopqrstuvwxyz?q=1", b"git+ssh+longer://a.b:80/c"]
    choices: list[dict[str, Any]] = [{}, {"keep_host": True}]
    for options in choices:
        outcome = apply("url", list(values), target=column_of(most), **options)
        for value, new in zip(values, outcome, strict=True):
            assert len((new or b"").decode()) <= most
            assert bool(new) is bool(value)


def test_urls_that_can_not_be() -> None:
    with pytest.raises(UsageError, match="more than the 18 characters"):
        build("url", {}, target=column_of(18), draw=KEYED)
    with pytest.raises(UsageError, match="stay distinct") as caught:
        build("url", {}, target=column_of(unique=True), draw=KEYED)
    assert "token" in (caught.value.hint or "")
    for domains in ([], ["a b"], ["localhost"]):
        with pytest.raises(UsageError, match="option domains"):
            build("url", {"domains": domains}, target=column_of(), draw=KEYED)


def test_other_domains_may_be_named() -> None:
    outcome = apply("url", MANY, domains=["a.test", "longer.b.test"])
    hosts = {urlsplit((value or b"").decode()).hostname for value in outcome}
    assert hosts == {"a.test", "longer.b.test"}


# Names of domains


@pytest.mark.parametrize(
    ("most", "form"),
    [
        (None, rb"[a-z2-7]{15}\.example\.com"),
        (27, rb"[a-z2-7]{15}\.example\.com"),
        (20, rb"[a-z2-7]{8}\.example\.com"),
        (13, rb"[a-z2-7]\.example\.com"),
    ],
)
def test_names_of_domains(most: int | None, form: bytes) -> None:
    for value in apply("domain-name", MANY, target=column_of(most)):
        assert re.fullmatch(form, value or b"")


def test_names_of_domains_stay_distinct_or_are_refused() -> None:
    values = [b"%d.test" % i for i in range(1_000_000)]
    assert outcomes("domain-name", values, target=column_of(27, unique=True)) == len(values)
    made = build("domain-name", {}, target=column_of(26), draw=KEYED)
    assert made.effects.uniqueness is Uniqueness.MAY_COLLIDE
    with pytest.raises(UsageError, match="stay distinct"):
        build("domain-name", {}, target=column_of(26, unique=True), draw=KEYED)
    with pytest.raises(UsageError, match="more than the 12 characters"):
        build("domain-name", {}, target=column_of(12), draw=KEYED)
    assert one("domain-name", b"x", domain="b.test").endswith(b".b.test")


# Names of browsers


def test_names_of_browsers() -> None:
    outcome = apply("user-agent", MANY)
    assert {(value or b"").decode() for value in outcome} == set(USER_AGENTS)
    assert len(set(USER_AGENTS)) == len(USER_AGENTS) >= 60
    short = apply("user-agent", MANY, target=column_of(100))
    assert max(len(value or b"") for value in short) <= 100
    assert len(set(short)) > 10
    with pytest.raises(UsageError, match="more than the 9 characters"):
        build("user-agent", {}, target=column_of(9), draw=KEYED)


# All of them


def drawn(value: bytes) -> bytes:
    """What a URL is sure to lose: its path, as a host may be an example's and a query names."""
    return re.sub(rb"(?s)^([A-Za-z0-9+.-]*:)?//[^/?#]*|\?.*|[/#]", b"", value)


@pytest.mark.parametrize("name", ["url", "domain-name"])
@given(st.lists(st.one_of(st.none(), st.text(), st.just("ä\t\\N\n")), min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_the_value_and_the_key_decide(name: str, texts: list[str | None]) -> None:
    values = [None if text is None else text.encode() for text in texts]
    values += [b"https://a.test/" + b"x" * 1_000_000]
    outcome = apply(name, values)
    assert outcome[::-1] == apply(name, values[::-1])
    for value, new in zip(values, outcome, strict=True):
        if not value:
            assert new == value
        elif name == "url" and (value.startswith(b"/") or b"://" in value):
            # Signs stay, and some letters become what they were.
            assert new != value or len(drawn(value)) < 8
        else:
            assert new != value
    assert outcome[-1] != apply(name, values, draw=OTHER)[-1]
    assert outcome[-1] != apply(name, values, draw=RANDOM)[-1]

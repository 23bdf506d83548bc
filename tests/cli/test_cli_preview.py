"""`replicate dump preview`, as it is printed and as a page; the page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import tomllib
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest

from replicate.cli.formats import width
from tests.support.browser import Page, browser
from tests.support.cli_process import Workplace, query

PREVIEW = ("dump", "preview")
ROOT = Path(__file__).resolve().parents[2]

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\x1b]0;owned\x07\x1b[31m\u202e"
LONG = "long " * 4000

ODD = [
    (1, HOSTILE, "old one"),
    (2, "", None),
    (3, "NULL", "<null>"),
    (4, "a\nb\tc\\d", LONG),
    (5, "漢字" * 30, b"\x00\xff\x10"),
    (6, "same", 42),
]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def odd(place: Workplace) -> Workplace:
    """A source of one table, whose values are what output has to survive; the notes are masked."""
    place.source.unlink()
    with closing(sqlite3.connect(place.source)) as database:
        database.execute('CREATE TABLE "odd<b>" (id INTEGER PRIMARY KEY, name TEXT, note)')
        database.executemany('INSERT INTO "odd<b>" VALUES (?, ?, ?)', ODD)
        database.commit()
    write_config(place, '"odd<b>"', {"name": "transient", "note": "redacted"})
    return place


def write_config(
    place: Workplace, table: str, columns: dict[str, str], *, key: str = "k" * 8
) -> None:
    rules = ", ".join(f'{{name: {n}, transformer_name: "{t}"}}' for n, t in columns.items())
    place.config.write_text(
        (f"masking_key: {key}\n" if key else "")
        + f"source:\n  connection_uri: sqlite:///{place.source}\n  transformers:\n"
        f"    - {{database: main, table: {table}, columns: [{rules}]}}\n"
    )


def test_the_page_s_style_and_script_are_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = set(settings["tool"]["setuptools"]["package-data"]["replicate"])
    beside = {f"cli/{p.name}" for p in (ROOT / "replicate/cli").iterdir() if p.suffix != ".py"}
    assert {each for each in beside if not each.endswith("__")} <= packaged


# In the terminal


def test_before_and_after_stand_side_by_side(place: Workplace) -> None:
    result = place.run(*PREVIEW, "--rows", "2").succeeded()
    assert "main.people  2 rows, 1 masked column, 2 not shown" in result.out
    assert "email (email)" in result.out
    before = re.findall(r"(person\d+@shop\.example) +→ +(\S+)", result.out)
    assert len(before) == 4
    for old, new in before:
        assert old not in new
    # One address, one replacement, in both tables.
    people = dict(before[:2])
    assert all(people.get(old, new) == new for old, new in before[2:])
    assert "warning: what was printed holds data of the source" in result.err


def test_it_needs_no_datastore_and_stores_nothing(place: Workplace) -> None:
    write_config(place, "people", {"email": "email"})
    shutil.rmtree(place.store)
    before = {path.name: path.stat().st_mtime_ns for path in place.directory.iterdir()}
    place.run(*PREVIEW).succeeded()
    assert {path.name: path.stat().st_mtime_ns for path in place.directory.iterdir()} == before


@pytest.mark.parametrize("columns", [80, 60, 132])
def test_no_line_is_wider_than_the_terminal(odd: Workplace, columns: int) -> None:
    result = odd.run(*PREVIEW, "--all-columns", COLUMNS=str(columns)).succeeded()
    assert max(map(width, result.out.splitlines())) <= columns
    assert "…" in result.out


def test_a_beginning_that_is_shown_has_no_dots_in_front(place: Workplace) -> None:
    result = place.run(*PREVIEW, "--rows", "3", COLUMNS="60").succeeded()
    befores = re.findall(r"email +(\S+) +→ +(\S+)", result.out)
    assert len(befores) == 6
    for before, after in befores:
        assert before.startswith("person")
        assert not after.startswith("…")


@pytest.fixture
def deep(place: Workplace) -> Workplace:
    """Documents in which what is masked is far behind what is not."""
    with closing(sqlite3.connect(place.source)) as database:
        database.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, profile JSON)")
        contacts = [{"email": "anna@mail.example", "more": "y" * 900}]
        profile = json.dumps({"note": "x" * 900, "contacts": contacts})
        database.execute("INSERT INTO docs VALUES (1, ?)", (profile,))
        database.commit()
    place.config.write_text(
        f"masking_key: {'k' * 8}\nsource:\n  connection_uri: sqlite:///{place.source}\n"
        "  transformers:\n    - database: main\n      table: docs\n      columns:\n"
        "        - name: profile.contacts[*].email\n          transformer_name: email\n"
        "          link: people\n          when: id > 0\n"
    )
    return place


@pytest.mark.parametrize("columns", [80, 200])
def test_a_change_deep_inside_of_a_value_is_seen(deep: Workplace, columns: int) -> None:
    out = deep.run(*PREVIEW, COLUMNS=str(columns)).succeeded().out
    [line] = [line for line in out.splitlines() if "→" in line]
    before, after = line.split("→")
    assert re.search(r"…\S* ?\S*anna@mail.*…\s*$", before)
    assert "anna@" not in after
    assert after.count("…") == 2
    assert max(map(width, out.splitlines())) <= columns


def test_the_heading_tells_path_link_and_condition(deep: Workplace) -> None:
    said = "profile.contacts[*].email (email, linked as people, when id > 0)"
    assert said in deep.run(*PREVIEW, COLUMNS="120").succeeded().out
    found = deep.run("--json", *PREVIEW).succeeded().json
    [rule] = found["tables"][0]["columns"][1]["rules"]
    assert (rule["path"], rule["link"], rule["when"]) == ("contacts[*].email", "people", "id > 0")


def test_the_page_shows_where_a_long_value_differs(deep: Workplace) -> None:
    path = deep.directory / "page.html"
    deep.run(*PREVIEW, "--html", str(path)).succeeded()
    text = path.read_text()
    shown = re.findall(r'<span class="short">(.*?)</span>', text)
    assert len(shown) == 2
    assert "anna@mail.example" in shown[0]
    assert "anna@mail.example" not in shown[1]
    assert all(each.startswith("…") and each.endswith("…") for each in shown)
    assert "contacts[*].email: email, linked as people, when id &gt; 0" in text


def test_nothing_that_a_terminal_obeys_is_printed(odd: Workplace) -> None:
    for arguments in (PREVIEW, (*PREVIEW, "--all-columns"), (*PREVIEW, "--json")):
        out = odd.run(*arguments, "--rows", "6", COLUMNS="300").succeeded().out
        assert set(re.findall(r"[^\x20-\x7e]", out)) <= set("\n→…─") | set("漢字")
    assert (
        "\\x1b]0;owned\\x07\\x1b[31m\\u202e"
        in odd.run(*PREVIEW, "--all-columns", "--rows", "6", COLUMNS="300").out
    )


def test_null_empty_and_what_looks_like_them_differ(odd: Workplace) -> None:
    out = odd.run(*PREVIEW, "--all-columns", "--rows", "6", COLUMNS="200").succeeded().out
    assert re.search(r"name +<empty> += +<empty>", out)
    assert re.search(r"note +<null> += +<null>", out)
    assert re.search(r"name +NULL +=", out)
    assert "\\<null>" in out
    assert "a\\nb\\tc\\d" in out
    assert "x'00ff10'" in out
    assert "42 (integer)" in out


def test_output_in_ascii_is_still_a_table(place: Workplace) -> None:
    result = place.run(*PREVIEW, "--rows", "1", PYTHONIOENCODING="ascii").succeeded()
    assert result.out.isascii()
    assert "\\u" not in result.out
    assert "->" in result.out


def test_colour_is_for_terminals_that_want_it(place: Workplace) -> None:
    plain = place.run(*PREVIEW).succeeded().out
    assert "\x1b" not in plain
    coloured = place.run(*PREVIEW, FORCE_COLOR="1", TERM="xterm").succeeded().out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()


# As JSON


def test_json_has_both_sides_whole(odd: Workplace) -> None:
    found = odd.run("--json", *PREVIEW, "--rows", "6", "--all-columns").succeeded().json
    assert found["masking"] == "keyed"
    assert found["unmasked_tables"] == []
    [table] = found["tables"]
    assert (table["schema"], table["name"], table["masked_columns"]) == ("main", "odd<b>", 1)
    assert [(c["name"], c["transformer"], c["primary_key"]) for c in table["columns"]] == [
        ("id", None, True),
        ("name", "transient", False),
        ("note", "redacted", False),
    ]
    rows = table["rows"]
    assert [row["name"]["before"] for row in rows] == [name for _, name, _ in ODD]
    assert all(row["name"]["after"] == row["name"]["before"] for row in rows)
    assert not any(row["name"]["changed"] for row in rows)
    notes = [row["note"] for row in rows]
    assert notes[1] == {"before": None, "after": None, "changed": False}
    assert (notes[4]["before"], notes[4]["before_form"]) == ("00ff10", "blob")
    assert (notes[5]["before"], notes[5]["before_form"]) == ("42", "integer")
    assert notes[3]["before"] == LONG
    assert notes[3]["changed"] is True


def test_what_it_shows_is_what_a_dump_restores(place: Workplace) -> None:
    found = place.run("--json", *PREVIEW, "--rows", "50", "--all-columns").succeeded().json
    place.run("dump", "create").succeeded()
    place.run("dump", "restore", "remote", "-v", "latest").succeeded()
    for table in found["tables"]:
        restored = {
            str(row[0]): row[1:]
            for row in query(place.target, f"SELECT id, email FROM {table['name']}")
        }
        assert len(table["rows"]) == 50
        for row in table["rows"]:
            assert restored[row["id"]["before"]] == (row["email"]["after"],)


def test_without_a_masking_key_it_says_so(place: Workplace) -> None:
    write_config(place, "people", {"name": "last-name"}, key="")
    result = place.run("--json", *PREVIEW).succeeded()
    assert result.json["masking"] == "random key of this preview"
    assert result.json["unmasked_tables"] == ["main.visits"]
    assert "there is no masking_key" in result.err
    assert "1 table dumped with no masked column: main.visits" in result.err
    assert place.run("--json", *PREVIEW).json != result.json


# Which tables


def test_a_table_can_be_named_in_two_ways(place: Workplace) -> None:
    for name in ("visits", "main.visits"):
        found = place.run("--json", *PREVIEW, "--table", name).succeeded().json
        assert [table["name"] for table in found["tables"]] == ["visits"]
    found = place.run("--json", *PREVIEW, "--table", "visits", "--table", "people").json
    assert [table["name"] for table in found["tables"]] == ["people", "visits"]


@pytest.mark.parametrize(
    ("name", "hint"), [("vists", "did you mean visits?"), ("zzz", "`replicate")]
)
def test_an_unknown_table_gets_the_nearest_one(place: Workplace, name: str, hint: str) -> None:
    result = place.run(*PREVIEW, "--table", name)
    assert f"the source has no table {name}" in result.failed_with(2)
    assert f"hint: {hint}" in result.err


def test_a_named_table_without_masks_is_shown_as_it_is(place: Workplace) -> None:
    write_config(place, "people", {"name": "last-name"})
    result = place.run(*PREVIEW, "--table", "visits", "--rows", "2").succeeded()
    assert "main.visits  2 rows, no column of it is masked\n" in result.out
    assert "→" not in result.out


def test_nothing_masked_is_said_clearly(place: Workplace) -> None:
    place.config.write_text(f"source:\n  connection_uri: sqlite:///{place.source}\n")
    result = place.run(*PREVIEW).succeeded()
    assert result.out == ""
    assert "no column is masked: a dump would hold every value as it is" in result.err
    assert "holds data of the source" not in result.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--rows", "0"), "invalid value for '--rows'"),
        (("--rows", "1001"), "invalid value for '--rows'"),
        (("--force",), "--force has no meaning without --html"),
    ],
)
def test_a_wrong_command_line(place: Workplace, args: tuple[str, ...], message: str) -> None:
    assert message in place.run(*PREVIEW, *args).failed_with(2)


# The file of the page


def test_the_page_is_private_and_nothing_is_overwritten(place: Workplace) -> None:
    page = place.directory / "page.html"
    result = place.run(*PREVIEW, "--html", str(page)).succeeded()
    assert result.out == f"{page}\n"
    assert f"warning: {page} holds data of the source" in result.err
    assert stat.S_IMODE(page.stat().st_mode) == 0o600

    page.chmod(0o644)
    before = page.read_bytes()
    refused = place.run(*PREVIEW, "--html", str(page))
    assert "exists already" in refused.failed_with(11)
    assert "hint: --force replaces it" in refused.err
    assert page.read_bytes() == before

    done = place.run("--json", *PREVIEW, "--html", str(page), "--force", "--rows", "2").succeeded()
    assert done.json == {"html": str(page), "tables": 2, "rows": 4}
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert page.read_text().startswith("<!doctype html>")
    assert [p.name for p in place.directory.glob(".page*")] == []


def test_force_replaces_a_link_and_not_what_it_points_to(place: Workplace) -> None:
    precious = place.directory / "precious"
    precious.write_text("keep me")
    page = place.directory / "page.html"
    page.symlink_to(precious)
    assert "exists already" in place.run(*PREVIEW, "--html", str(page)).failed_with(11)
    place.run(*PREVIEW, "--html", str(page), "--force").succeeded()
    assert precious.read_text() == "keep me"
    assert not page.is_symlink()


@pytest.mark.parametrize("text", ["mine", "", "<!doctype html>\n<title>Another page</title>"])
def test_force_replaces_no_file_but_a_page(place: Workplace, text: str) -> None:
    page = place.directory / "page.html"
    page.write_text(text)
    plain = place.run(*PREVIEW, "--html", str(page))
    assert "exists already" in plain.failed_with(11)
    assert "hint: give another name" in plain.err
    refused = place.run(*PREVIEW, "--html", str(page), "--force")
    assert "is no page that a preview has written" in refused.failed_with(14)
    assert "hint: " in refused.err
    assert page.read_text() == text


OWN = ("source.db", "source.db-wal", "source.db-shm", "source.db-journal", "conf.yaml", "conf.lock")


@pytest.mark.parametrize("name", [*OWN, "hard link", "symbolic link"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_page_never_takes_the_place_of_what_a_dump_is_made_of(
    place: Workplace, name: str, force: tuple[str, ...]
) -> None:
    path = place.directory / name
    if name == "hard link":
        path.hardlink_to(place.source)
    elif name == "symbolic link":
        path.symlink_to(place.config)
    before = {each: each.read_bytes() for each in place.directory.iterdir() if each.is_file()}
    refused = place.run(*PREVIEW, "--html", f"../{place.directory.name}/{name}", *force)
    refused.failed_with(14)
    assert "hint: give the page a name of its own" in refused.err
    after = {each: each.read_bytes() for each in place.directory.iterdir() if each.is_file()}
    assert after == before


@pytest.mark.parametrize("name", ["", " ", "-"])
def test_a_page_needs_the_name_of_a_file(place: Workplace, name: str) -> None:
    result = place.run(*PREVIEW, "--html", name)
    assert "invalid value for '--html'" in result.failed_with(2)
    assert not (place.directory / "-").exists()


def test_a_pipe_is_not_waited_for(place: Workplace) -> None:
    os.mkfifo(place.directory / "pipe")
    result = place.run(*PREVIEW, "--html", str(place.directory / "pipe"), "--force")
    assert "is no page" in result.failed_with(14)


def test_a_page_that_can_t_be_written_is_an_error(place: Workplace) -> None:
    result = place.run(*PREVIEW, "--html", str(place.directory / "no" / "page.html"))
    assert "can't be written: No such file or directory" in result.failed_with(1)


class _Links(HTMLParser):
    """All that a page could fetch, or run beside what it has itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "style", "srcset", "action") or name.startswith("on"):
                self.found.append((name, value or ""))


def test_the_page_points_nowhere_and_values_are_text(odd: Workplace) -> None:
    page = odd.directory / "page.html"
    odd.run(*PREVIEW, "--all-columns", "--rows", "6", "--html", str(page)).succeeded()
    text = page.read_text(encoding="utf-8")
    links = _Links()
    links.feed(text)
    assert {name for name, _ in links.found} == {"href"}
    assert all(value.startswith("#") for _, value in links.found)
    assert not links.tags & {"img", "iframe", "object", "link", "form", "b"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]


# The page in a browser

SHOWN = "[...document.querySelectorAll('tr[data-column]')].filter(r => r.offsetParent).length"
TABLES = """[...document.querySelectorAll('section')].filter(s => s.offsetParent)
    .map(s => s.dataset.name)"""
COUNT = "document.getElementById('count').textContent"
OVERFLOW = """[document.documentElement.scrollWidth - document.documentElement.clientWidth,
    ...[...document.querySelectorAll('section, table, td, th')].filter(e => e.offsetParent)
    .map(e => e.scrollWidth - e.clientWidth)].filter(n => n > 1)"""

CONTRAST = """(() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const over = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) {
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
        }
        const linear = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    let worst = [99, ''];
    for (const each of document.querySelectorAll('p, dt, dd, td, th, h1, h2, a, label, span')) {
        if (!each.offsetParent || !each.innerText.trim() || each.matches('.skip')) continue;
        const grounds = [];
        for (let at = each; at; at = at.parentElement)
            grounds.unshift(getComputedStyle(at).backgroundColor);
        const ground = over(grounds);
        const ink = over([...grounds, getComputedStyle(each).color]);
        const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        if (ratio < worst[0]) worst = [ratio, each.outerHTML.slice(0, 80)];
    }
    return worst;
})()"""
"""The least contrast of any text with what is behind it, and the element that has it."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@pytest.fixture
def shop(place: Workplace, page: Page) -> Page:
    """Two tables, of which visits has a column more that is not masked; opened."""
    path = place.directory / "page.html"
    place.run(*PREVIEW, "--all-columns", "--rows", "3", "--html", str(path)).succeeded()
    page.resize(1280)
    page.complaints.clear()
    page.requests.clear()
    return page.open(path)


def test_the_page_shows_the_rows_and_asks_nobody_else(shop: Page) -> None:
    # People: name, email and note of 3 rows; visits: person and email. The key stands above them.
    assert shop.evaluate(SHOWN) == 3 * 3 + 3 * 2
    assert shop.evaluate(COUNT) == "15 values in 2 tables"
    assert shop.evaluate("document.querySelector('.record').innerText") == "id 1"
    text = shop.evaluate("document.body.innerText")
    assert "person1@shop.example" in text
    assert "unchanged" in text
    assert shop.complaints == []
    assert [url.partition(":")[0] for url in shop.requests] == ["file"]


def test_the_page_filters_by_table_column_and_change(shop: Page) -> None:
    shop.press("/")
    assert shop.evaluate("document.activeElement.id") == "filter"
    shop.type("visits")
    assert shop.evaluate(TABLES) == ["main.visits"]
    assert shop.evaluate(COUNT) == "6 values in 1 table"
    shop.press("Escape")
    assert shop.evaluate(TABLES) == ["main.people", "main.visits"]
    shop.type("EMAIL")
    assert shop.evaluate(SHOWN) == 6
    shop.press("Escape")
    # On to the box, which the space bar ticks.
    shop.press("Tab")
    assert shop.evaluate("document.activeElement.id") == "changed"
    shop.press(" ")
    assert shop.evaluate(SHOWN) == 6
    assert shop.evaluate("document.querySelectorAll('tr.same').length") == 9
    shop.press(" ")
    assert shop.evaluate(SHOWN) == 15
    shop.evaluate("document.getElementById('filter').focus()")
    shop.type("no such thing")
    assert shop.evaluate(SHOWN) == 0
    assert shop.evaluate("document.getElementById('nothing').offsetParent !== null")
    assert shop.complaints == []


def test_the_page_s_tables_are_tables_to_a_screen_reader(shop: Page) -> None:
    answer = shop.call("Accessibility.getFullAXTree")
    found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in answer["nodes"]]
    roles = [role for role, _ in found]
    titles = [name.split()[0] for role, name in found if role == "table"]
    assert titles == ["main.people", "main.visits"]
    assert roles.count("columnheader") == 6
    assert roles.count("rowheader") >= 15
    assert ("checkbox", "Only changed values") in found
    assert any(role == "searchbox" and name.startswith("Filter") for role, name in found)


@pytest.mark.parametrize("columns", [320, 400, 768, 1280])
def test_nothing_of_the_page_lies_outside_the_window(
    odd: Workplace, page: Page, columns: int
) -> None:
    path = odd.directory / "page.html"
    odd.run(*PREVIEW, "--all-columns", "--rows", "6", "--html", str(path)).succeeded()
    page.resize(columns)
    page.complaints.clear()
    page.open(path)
    assert page.evaluate(OVERFLOW) == []
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate(OVERFLOW) == []
    assert page.complaints == []


def test_hostile_values_do_nothing_in_a_browser(odd: Workplace, page: Page) -> None:
    path = odd.directory / "page.html"
    odd.run(*PREVIEW, "--all-columns", "--rows", "6", "--html", str(path)).succeeded()
    page.resize(1280)
    page.complaints.clear()
    page.requests.clear()
    page.open(path)
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.scripts.length") == 1
    shown = page.evaluate("document.querySelector('tr[data-column=name] .before').textContent")
    assert shown.startswith("</script><img src=x onerror=alert(1)>\"'&\\x1b]0;owned\\x07")
    assert page.evaluate("document.querySelector('h2').textContent") == "main.odd<b>"
    assert page.complaints == []
    assert len(page.requests) == 1
    # What nobody has put in yet: the policy would bar it.
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://a.example/'}))")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p id=x onclick=\"document.title=1\">')"
    )
    page.evaluate("document.getElementById('x').click()")
    assert page.evaluate("document.title") == "Masking preview - Replicate"
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(shop: Page, scheme: str) -> None:
    shop.prefer(scheme)
    worst = shop.evaluate(CONTRAST)
    assert worst[0] >= 4.5, worst
    shop.prefer("light")

"""Transformers that an installed package brings, and the code that the documentation shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from replicate.errors import UsageError
from replicate.rows.column import Kind
from replicate.transformers.base import Target
from replicate.transformers.registry import all_transformers, build, find, import_built_in, names
from tests.support.masking import KEYED, apply, column_for

DOCS = Path(__file__).parents[2] / "docs" / "custom-transformers.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)


def block(word: str) -> str:
    """The one block of Python in the documentation that defines `word`."""
    [found] = [text for text in BLOCKS if re.search(rf"^(def|class) {word}\b", text, re.MULTILINE)]
    return str(found)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as installers leave one, with the package of the documentation."""
    (tmp_path / "company_masks.py").write_text(block("Shout") + "\n\nNOTHING = 1\n")
    (tmp_path / "leaving_masks.py").write_text("import sys\n\nsys.exit(0)\n")
    info = tmp_path / "company_masks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: company-masks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[replicate.transformers]\n"
        "shout = company_masks:Shout\n"
        "broken = company_masks.no_such:Shout\n"
        "leaving = leaving_masks:Shout\n"
        "nothing = company_masks:NOTHING\n"
        "email = company_masks:Shout\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "company_masks", raising=False)
    return tmp_path


@pytest.mark.usefixtures("package")
def test_a_package_s_transformer_is_used_by_its_name() -> None:
    assert {"shout", "broken", "nothing"} <= set(names())
    assert apply("shout", ["Zoë".encode(), None, b"", b"a"]) == ["ZOË".encode(), None, b"", b"A"]
    assert find("email").__module__ == "replicate.transformers.contact.emails"
    assert "shout" not in [cls.name for cls in all_transformers()]


@pytest.mark.usefixtures("package")
def test_what_is_imported_for_all_workers_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    family = "replicate.transformers.networks.network"
    monkeypatch.delitem(sys.modules, family, raising=False)
    import_built_in(["shout", "ip-address", "no-such-one"])
    assert family in sys.modules
    assert "company_masks" not in sys.modules


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "broken of the installed package can't be loaded: Mod"),
        ("leaving", "leaving of the installed package can't be loaded: SystemExit"),
        ("nothing", "no subclass"),
    ],
)
def test_one_that_is_none_is_told_of(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(name, {}, target=Target(Kind.TEXT), draw=KEYED)


def test_without_the_package_there_is_no_such_transformer() -> None:
    with pytest.raises(UsageError, match="there is no transformer 'shout'"):
        find("shout")


def test_the_functions_of_the_documentation_run(tmp_path: Path) -> None:
    path = tmp_path / "masks.py"
    path.write_text("\n\n".join(text for text in BLOCKS if "replicate" not in text))
    target = Target(Kind.TEXT, columns={"city": Kind.TEXT})
    shown: list[tuple[str, dict[str, Any], str]] = [
        ("transform", {}, "12…"),
        ("remark", {"columns": ["city"]}, r"\(3 characters, from 123, [0-9a-f]{4}\)"),
        ("rounded", {}, "100.0"),
        ("Labels", {"options": {"prefix": "x"}}, "x-[0-9]{12}"),
    ]
    for name, more, pattern in shown:
        options = {"path": str(path), "name": name, **more}
        made = build("custom-python", options, target=target, draw=KEYED)
        [masked] = made.transform(column_for(made, [b"123"], Kind.TEXT)).pool.to_pylist()
        assert masked is not None
        assert re.fullmatch(pattern, masked.decode())

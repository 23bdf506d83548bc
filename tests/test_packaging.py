"""What is built is what runs: wheel and sdist, each installed where nothing else of ours is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from tests.support.journey import Project, contents, make_project

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_built_package_makes_the_round_trip(kind: str, tmp_path: Path) -> None:
    python = _installed(kind, tmp_path)
    project = make_project(tmp_path / "project", customers=50, rules="  transformers: []\n")
    version = _replicate(python, tmp_path, "--version")
    assert version.startswith("replicate")
    for command in (["dump", "create"], ["dump", "restore", "remote", "-v", "latest"]):
        _replicate(python, tmp_path, "-c", str(project.conf), *command)
    assert contents(Project(project.folder).target) == contents(project.source)


def _installed(kind: str, folder: Path) -> Path:
    """The Python of a new environment with only the built package in it.

    The libraries it depends on are those of this environment, made visible by path: what is
    tested is what the package contains, not whether an index can be reached.
    """
    _build(kind, folder / "dist")
    [artifact] = (folder / "dist").iterdir()
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    ours = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    theirs = next((folder / "env" / "lib").glob("python*/site-packages"))
    # Directories named by a .pth file are searched, but the .pth files in them are not read, so
    # that an editable install of this environment stays out of sight.
    (theirs / "libraries.pth").write_text(f"{ours}\n")
    # Before Python 3.12 a new environment has an old setuptools of its own.
    for old in theirs.glob("setuptools*"):
        shutil.rmtree(old)
    _run(
        [
            str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", str(artifact),
        ],
        folder,
    )  # fmt: skip
    return python


def _build(kind: str, out: Path) -> None:
    copy = out.with_name("source")  # a build leaves things in the tree that it builds from
    shutil.copytree(
        ROOT,
        copy,
        symlinks=True,
        ignore=shutil.ignore_patterns(".*", "build", "demo", "*.egg-info", "__pycache__"),
    )
    _run(
        [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out), "."],
        copy,
    )


def _replicate(python: Path, folder: Path, *arguments: str) -> str:
    return _run([str(python.with_name("replicate")), *arguments], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_extra_is_in_all() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    alone = {d for name, dependencies in extras.items() if name != "all" for d in dependencies}
    assert alone == set(extras["all"])

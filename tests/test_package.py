"""Protects the wheel: what is installed elsewhere has every file that works here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import bowline
from bowline.desk import checkup

REPO = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_wheel_holds_the_whole_package_and_the_licence(tmp_path: Path) -> None:
    """A catalogue, a migration or a template that is not packed is missed only by users."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
    shutil.copytree(REPO / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*build, "-w", tmp_path, source], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("bowline_trading-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    package = source / "src"
    expected = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    # C sources are for the build alone: what is packed is what was compiled of them
    expected = {
        n for n in expected if not any(part in n for part in (".egg-info", "/csrc/", ".so"))
    }
    assert expected
    missing = expected - packed
    assert not missing
    if shutil.which("cc"):
        compiled = [name for name in packed if name.endswith((".so", ".pyd"))]
        for part in ("research/grid/_kernel_plain", "core/venue/_book"):
            assert any(part in name for name in compiled)
    assert any(name.endswith("LICENSE") for name in packed)
    assert bowline.__version__ in wheel.name


def test_the_command_is_what_pyproject_says() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"bowline": "bowline.cli:main"}
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (REPO / "LICENSE").read_text()


def test_the_distribution_has_a_name_of_its_own_and_no_word_leads_to_a_strangers() -> None:
    """`bowline` on the public index is another project: nobody may be told to install it."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert project["name"] == checkup.DISTRIBUTION == "bowline-trading"
    pages = [*(REPO / "src").rglob("*.py"), *(REPO / "docs").rglob("*.md"), *REPO.glob("*.md")]
    told = re.compile(r"\bbowline\[|pip install +['\"]?bowline")
    assert not [str(page) for page in [*pages, REPO / "Makefile"] if told.search(page.read_text())]


def test_every_target_that_a_hint_names_is_one_of_the_makefile() -> None:
    text = (REPO / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    named = {target for target, _ in checkup.OPTIONAL.values()}
    for source in (REPO / "src").rglob("*.py"):
        named |= set(re.findall(r"checkout: make ([a-z]+)", source.read_text()))
    assert {"live", "servers", "chdb", "cluster", "setup"} <= named <= targets

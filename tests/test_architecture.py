"""The picture in ARCHITECTURE.md is that of the imports, and every file it names is there."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import architecture  # type: ignore[import-not-found]  # noqa: E402 - found by the path above only


def test_the_picture_matches_the_import_graph() -> None:
    assert architecture.PAGE.read_text() == architecture.page_with(architecture.drawing()), (
        "rooms have moved: run `python docs/architecture.py`"
    )


def test_files_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", architecture.PAGE.read_text()))
    there = [path.as_posix() for path in ROOT.glob("*/quarterdeck*/**/*.py")]
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in there)] == []

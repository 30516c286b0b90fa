"""The built editor is what its sources give."""

import shutil
import subprocess
from pathlib import Path

import pytest

from quarterdeck_ui import assets

SOURCES = assets.FOLDER.parent / "editor"
PRODUCTS = ("editor.js", "editor.licences.txt")


def test_the_bundle_is_built_from_its_sources_and_names_the_licences(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the bundle cannot be built here")
    work, built = tmp_path / "editor", tmp_path / "built"
    shutil.copytree(SOURCES, work, ignore=shutil.ignore_patterns("node_modules"))
    built.mkdir()
    install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    try:
        done = subprocess.run(install, cwd=work, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the packages of the editor cannot be fetched: npm gets no answer")
    if done.returncode:
        pytest.skip(f"the packages of the editor cannot be fetched: {done.stderr.strip()[:300]}")
    subprocess.run(["node", "build.js", str(built)], cwd=work, check=True, timeout=60)
    for name in PRODUCTS:
        assert (built / name).read_text() == (assets.FOLDER / name).read_text(), f"build {name} anew: npm run build"
    assert "MIT" in (assets.FOLDER / "editor.licences.txt").read_text()


def test_no_file_of_the_editor_names_a_registry() -> None:
    texts = [file.read_text() for file in [*SOURCES.iterdir(), *(assets.FOLDER / name for name in PRODUCTS)]]
    assert [text[:60] for text in texts if "registry." in text] == []

"""Every code block of the README runs, in order, against a running deck."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.blocks import at_these_ports, blocks_of, pipeline_file
from support.deck import Deck, running_deck
from support.waiting import eventually

README = Path(__file__).parents[2] / "README.md"
BLOCKS = blocks_of(README)

MAKE_TARGETS = {"make up\n", "make test\n"}
"""Proven elsewhere: test_make.py runs the first, and this test runs within the second."""


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    folder = tmp_path_factory.mktemp("readme")
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    for language, text in BLOCKS:
        if language == "yaml":
            pipelines.joinpath(pipeline_file(text)).write_text(text)
    with running_deck(folder / "data", "--pipelines", str(pipelines)) as running:
        yield running


def run_block(language: str, text: str, deck: Deck) -> str:
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-euc"]
    words = [*program, at_these_ports(text, deck.ports)]
    done = subprocess.run(words, env=deck.environment(), capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_has_a_language_that_this_test_runs() -> None:
    assert {language for language, _ in BLOCKS} == {"bash", "python", "yaml"}


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=[f"{n}-{b[0]}" for n, b in enumerate(BLOCKS)])
def test_the_block_runs_and_has_the_effect_it_shows(language: str, text: str, deck: Deck) -> None:
    if text in MAKE_TARGETS:
        makefile = (README.parent / "Makefile").read_text()
        assert re.search(rf"^{text.split()[1]}:", makefile, flags=re.MULTILINE)
    elif language == "yaml":
        name = yaml.safe_load(text)["workflow"]["name"]
        assert f'"{name}"' in run_block("bash", f"curl -s http://127.0.0.1:8700/v1/pipelines/{name}", deck)
    elif "8123" in text:  # a query: its rows arrive within a flush interval
        assert eventually(lambda: run_block(language, text, deck).strip())
    else:
        output = run_block(language, text, deck)
        assert "problem" not in output
        if "print(" in text:
            assert output.strip()

"""Every code block of the README runs, in order, against a running deck."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.deck import Deck, running_deck
from support.waiting import eventually

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)

STANDARD_PORTS = {"otlp-http": "4318", "otlp-grpc": "4317", "clickhouse": "8123", "runner": "8700", "ui": "8501"}

MAKE_TARGETS = {"make up\n", "make test\n"}
"""Proven elsewhere: test_make.py runs the first, and this test runs within the second."""


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    folder = tmp_path_factory.mktemp("readme")
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    for language, text in BLOCKS:
        if language == "yaml":
            pipelines.joinpath(file_name(text)).write_text(text)
    with running_deck(folder / "data", "--pipelines", str(pipelines)) as running:
        yield running


def file_name(block: str) -> str:
    named = re.match(r"# pipelines/(\S+)", block)
    assert named, f"a YAML block starts with the comment '# pipelines/NAME.yaml': {block[:40]!r}"
    return named[1]


def at_this_deck(text: str, deck: Deck) -> str:
    for name, port in STANDARD_PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{deck.ports[name]}")
    return text


def run_block(language: str, text: str, deck: Deck) -> str:
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-euc"]
    words = [*program, at_this_deck(text, deck)]
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

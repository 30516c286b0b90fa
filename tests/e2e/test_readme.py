"""Every code block of the README, and every command of the documentation, runs, in order, against a running deck."""

import json
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

SITE = README.parent / "docs" / "site"
SHELL = [
    (page.relative_to(SITE).as_posix(), text)
    for page in sorted(SITE.rglob("*.md"))
    for language, text in blocks_of(page)
    if language == "bash"
]
ELSEWHERE = re.compile(
    r"docker |systemctl |tar |pip install|@clickhouse:|quarterdeck (?:up|ui|collector)\b", flags=re.IGNORECASE
)
"""What would change the machine, needs another one, or goes on for ever; tests/test_site.py looks at its words."""

MAKE_TARGETS = {"make up\n", "make test\n"}
"""Proven elsewhere: test_make.py runs the first, and this test runs within the second."""


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    folder = tmp_path_factory.mktemp("readme")
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    for language, text in [*BLOCKS, *(block for page in sorted(SITE.rglob("*.md")) for block in blocks_of(page))]:
        if language == "yaml":
            pipelines.joinpath(pipeline_file(text)).write_text(text)
    slowly = {"QUARTERDECK_STAND_IN_TOKENS_PER_SECOND": "30"}  # time enough to steer a run
    with running_deck(folder / "data", "--pipelines", str(pipelines), environment=slowly) as running:
        yield running


def run_block(language: str, text: str, deck: Deck) -> str:
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-euc"]
    words = [*program, at_these_ports(text, deck.ports)]
    ports = {f"QUARTERDECK_{name.upper().replace('-', '_')}_PORT": str(port) for name, port in deck.ports.items()}
    environment = {**deck.environment(), **ports, "QUARTERDECK_DATA_DIR": str(deck.data)}
    if "quarterdeck query" not in text:  # others take it for a server's, which they would write to
        del environment["QUARTERDECK_CLICKHOUSE_URL"]
    done = subprocess.run(
        words, env=environment, cwd=deck.data.parent, capture_output=True, text=True, check=False, timeout=200
    )
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


@pytest.mark.parametrize(("page", "text"), SHELL, ids=[f"{n}-{page}" for n, (page, _) in enumerate(SHELL)])
def test_the_command_of_the_documentation_does_it(page: str, text: str, deck: Deck) -> None:
    here = "".join(f"{line}\n" for line in text.splitlines() if not ELSEWHERE.search(line))
    if "01HZX" in here:
        here = here.replace("01HZX", _run_to(deck, ended="replay" in here))
    said = run_block("bash", here.replace("curl -s ", "curl --silent --show-error --fail-with-body "), deck)
    assert said or not re.search(r"^(?:curl|quarterdeck) ", here, flags=re.MULTILINE), page


def _run_to(deck: Deck, *, ended: bool) -> str:
    """A run of the haiku that is under way, or has ended."""
    runner = "curl -s http://127.0.0.1:8700/v1/runs"
    run = str(json.loads(run_block("bash", f"""{runner} --json '{{"pipeline": "haiku"}}'""", deck))["id"])
    assert not ended or eventually(lambda: '"completed"' in run_block("bash", f"{runner}/{run}", deck))
    return run

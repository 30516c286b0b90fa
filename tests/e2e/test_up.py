"""``quarterdeck up`` as a user meets it."""

import itertools
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from support.deck import Deck, running_deck
from support.waiting import eventually

USER_PROGRAM = """
import quarterdeck as qd

qd.init(service_name="user")

@qd.step
def double(number: int) -> int:
    return 2 * number

@qd.pipeline
def flow(number: int) -> int:
    return double(number)

print(flow(21))
"""


def run_user_program(deck: Deck) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USER_PROGRAM],
        env=deck.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert done.stdout.strip() == "42"


def completed_flows(deck: Deck) -> int:
    return int(
        deck.sql("SELECT count() FROM pipeline_executions WHERE pipeline_name = 'flow' AND status = 'completed'")
    )


def test_addresses_are_printed_ctrl_c_or_kill_ends_everything_and_the_data_stay(tmp_path: Path) -> None:
    with running_deck(tmp_path, "--no-demo") as deck:
        children = deck.children()
        assert len(children) == 3
        for name in ("otlp-http", "otlp-grpc", "clickhouse", "runner", "ui"):
            assert any(deck.url(name) in line for line in deck.said)
        run_user_program(deck)
        eventually(lambda: completed_flows(deck) == 1)
        assert deck.interrupt() == 0
        assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []

    with running_deck(tmp_path, "--no-demo") as deck:
        assert completed_flows(deck) == 1
        run_user_program(deck)
        eventually(lambda: completed_flows(deck) == 2)
        children = deck.children()
        assert len(children) == 3
        deck.process.kill()
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    assert (tmp_path / "collector.lock").read_bytes() == b""  # it ended in order, and wrote down so


def test_every_service_tells_its_health_and_one_that_dies_ends_the_deck_with_its_last_words(tmp_path: Path) -> None:
    with running_deck(tmp_path, "--no-demo") as deck:
        for name, path in itertools.product(("otlp-http", "runner"), ("/healthz", "/readyz")):
            with urllib.request.urlopen(deck.url(name) + path, timeout=90) as answer:  # noqa: S310 - loopback
                assert answer.status == 200

        collector = next(pid for pid in deck.children() if "quarterdeck_collector" in command_line(pid))
        os.kill(collector, 9)
        assert deck.process.wait(90) == 1
        assert deck.process.stdout is not None
        assert "collector ended with exit code -9" in deck.process.stdout.read()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")

"""Who did what is kept with the logs; what nobody may see is kept nowhere."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from quarterdeck.runner_client import RunnerClient, RunnerError
from quarterdeck.tokens import Scope, TokenFile
from support.collectors import CollectorProcess, collector, wait_for
from support.runner import PATIENCE, Runner, process

KEYS = {name: f"opaque-{name}-key-0123456789-abcdef" for name in ("environment", "stored", "removed", "profile")}
ACTIONS = 9
SECRET = "the-operators-own-secret-0123"
PIPELINE = """
name: talks
steps:
  - {name: ask, type: claude, prompt: "[[say:hello]] talk", continue_on_error: true}
  - {name: fail, type: gemini, prompt: "[[status:401]] talk", continue_on_error: true}
"""


def stored_events(running: CollectorProcess) -> list[dict[str, str]]:
    """The control events in the store, oldest first."""
    sql = """SELECT LogAttributes AS attributes FROM quarterdeck.otel_logs WHERE EventName = 'quarterdeck.control'
        ORDER BY Timestamp FORMAT JSONEachRow"""
    return [json.loads(line)["attributes"] for line in running.sql(sql).splitlines()]


def everything_stored(running: CollectorProcess) -> str:
    """Every row of every table."""
    tables = running.sql("SELECT name FROM system.tables WHERE database = 'quarterdeck' AND engine LIKE '%MergeTree%'")
    whole = "SELECT * FROM quarterdeck.{table:Identifier} FORMAT JSONEachRow"
    return "\n".join(running.sql(whole, table=table) for table in tables.split())


def everything_on_disk(folder: Path) -> bytes:
    """Every file below a folder: databases, their logs, outputs, our own logs."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def command_lines() -> str:
    """What the list of processes shows to everybody."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


@dataclass
class Story:
    """What was done to a runner, and everything that was left of it."""

    run_id: str
    told: list[dict[str, str]]
    places: dict[str, str]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, stand_in: str) -> Story:
    """Set, test, use and remove keys; start a run; be refused; then gather every trace."""
    folder = tmp_path_factory.mktemp("story")
    data = folder / "runner"
    file = TokenFile(data / "tokens.json")
    tokens = {name: file.create(name, [scope]) for name, scope in (("ci", Scope.RUN), ("boss", Scope.ADMIN))}
    with collector(folder / "collector") as kept:
        environment = {
            "QUARTERDECK_ENDPOINT": kept.otlp, "QUARTERDECK_KEY_SECRET": SECRET, "QUARTERDECK_PROVIDER_URLS": stand_in,
            "ANTHROPIC_API_KEY": "", "ANTHROPIC_BASE_URL": stand_in,
            "GEMINI_API_KEY": KEYS["environment"], "GOOGLE_GEMINI_BASE_URL": stand_in,
        }  # fmt: skip
        with process(data, environment, token=tokens["boss"]) as (_, runner):
            runner.pipeline(PIPELINE)
            run_id, answers = act(runner, tokens, stand_in)
            told = wait_for(lambda: len(found := stored_events(kept)) >= ACTIONS and found)
            shown = command_lines()
        wait_for(lambda: int(kept.sql("SELECT count() FROM quarterdeck.otel_traces")) > 0)
        stored = everything_stored(kept)
    places = {
        "the answers": answers,
        "the store": stored,
        "the list of processes": shown,
        "the runner's files": everything_on_disk(data).decode("latin-1"),
        "the collector's files": everything_on_disk(folder / "collector").decode("latin-1"),
        "the collector's log": kept.log.read_text(),
    }
    return Story(run_id, told, places, tokens)


def act(runner: Runner, tokens: dict[str, str], stand_in: str) -> tuple[str, str]:
    """Do what the audit log is about; give the run and all answers."""
    url = str(runner.http.base_url)
    boss, ci, nobody = (RunnerClient(url, token, PATIENCE) for token in (tokens["boss"], tokens["ci"], "guess"))
    answers = [json.dumps(boss.set_key("claude", KEYS["stored"], base_url=stand_in))]
    boss.set_key("claude", KEYS["removed"], "old")
    boss.remove_key("claude", "old")
    boss.set_key("claude", KEYS["profile"], "team-a")
    answers += [json.dumps(boss.providers()), json.dumps(boss.test_key("claude"))]
    run_id = ci.start("talks")["id"]
    answers.append(json.dumps(runner.result(run_id)))
    with pytest.raises(RunnerError, match="needs a token of scope admin, not run"):
        ci.set_key("claude", KEYS["stored"])
    with pytest.raises(RunnerError, match="this token is unknown here"):
        nobody.steer(run_id, "cancel")
    with pytest.raises(RunnerError, match="is completed"):
        ci.steer(run_id, "cancel")
    for path in ("/openapi.json", "/v1/runs", "/v1/pipelines", "/readyz", "/v1/nothing"):
        answers.append(runner.http.get(path).text)
    return run_id, "\n".join(answers)


def test_every_control_action_is_told(story: Story) -> None:
    told = [
        (
            each.get("quarterdeck.control.actor"),
            each["quarterdeck.control.action"],
            each["http.response.status_code"],
            each.get("quarterdeck.run.id") == story.run_id,
        )
        for each in story.told
    ]
    assert told == [
        ("boss", "set_key", "200", False),
        ("boss", "set_key", "200", False),
        ("boss", "remove_key", "204", False),
        ("boss", "set_key", "200", False),
        ("boss", "test_key", "200", False),
        ("ci", "start_run", "202", True),
        (None, "PUT /v1/providers/claude/keys/default", "403", False),
        (None, f"POST /v1/runs/{story.run_id}/cancel", "401", False),
        ("ci", "cancel_run", "409", True),
    ]
    assert len(told) == ACTIONS
    assert story.told[6]["quarterdeck.control.reason"] == "this needs a token of scope admin, not run"
    assert story.told[5]["client.address"] == "127.0.0.1"


def test_keys_and_tokens_are_nowhere(story: Story) -> None:
    assert all("talks" in story.places[place] for place in ("the answers", "the store", "the runner's files"))
    assert "team-a" in story.places["the answers"]
    assert "quarterdeck_runner" in story.places["the list of processes"]
    assert all(story.places.values())
    secrets = {**KEYS, "the operator's": SECRET, **story.tokens}
    found = [
        (name, place) for place, text in story.places.items() for name, secret in secrets.items() if secret in text
    ]
    assert found == []

"""``quarterdeck tail`` as a person, a pipe and a script use it."""

import contextlib
import json
import re
from pathlib import Path

import pytest

from quarterdeck_console.tail.command import main
from support import night
from support.collectors import CollectorProcess, collector
from support.deck import free_ports
from support.night import Night
from support.scenario import Run
from support.terminal import quarterdeck, terminal


def at(home: CollectorProcess) -> tuple[str, str, str, str]:
    return "--endpoint", home.otlp, "--clickhouse-url", home.clickhouse


def shown(written: str, run: Run) -> list[str]:
    """Lines of ``tail`` without their times and durations, the run by one name."""
    lines = [line for line in written.replace("^C", "").splitlines() if line.strip()]
    bare = (re.sub(r"^\d\d:\d\d:\d\d ", "", line).replace(run.id, "ID").replace(run.id[-8:], "RUN") for line in lines)
    return [re.sub(r"\b[\d.]+ m?s\b", "TIME", re.sub(r" {3,}", "  ", line)) for line in bare]


def live(home: CollectorProcess, pipeline: str) -> Run:
    """Tell a whole run as it happens."""
    run = Run(home.otlp, pipeline, steps=2)
    step = run.step("load", 1)
    run.progress(step, 3, 12, "three files")
    run.end_step(step)
    step = run.step("answer", 2)
    call = run.call(step, "claude-sonnet-4-5", "How high is\nthe tide?", system="Be brief.")
    run.chunk(call, "hm", kind="thinking")
    run.chunk(call, "Two ")
    run.chunk(call, "metres\x1b[2J.")
    run.end_call(call, "Two metres.", (1000, 100))
    run.log(step, 13, "the gauge\nis old")
    run.heartbeat("paused")
    run.heartbeat("running")
    run.end_step(step, error="ValueError")
    run.end("failed", "ValueError: 2 m is no number")
    return run


def test_a_person_sees_a_run_as_it_happens_in_colour_and_ends_with_ctrl_c(home: CollectorProcess) -> None:
    with terminal("tail", "--pipeline", "tides", *at(home)) as screen:
        screen.wait_for("following")
        run = live(home, "tides")
        screen.wait_for("Σ")
        screen.wait_for("WARN")
        screen.press("\x03")
        assert screen.end() == 0
    assert "\x1b[31m✗ failed · " in screen.written
    lines, error = shown(screen.plain, run)[1:], "ValueError: 2 m is no number"
    lines.remove("RUN tides  WARN the gauge is old")  # comes when it is on disk, before or after what follows it
    assert lines == [
        "RUN tides  ▶ started · version 3f9c2ab1 · run ID",
        "RUN tides  ▸ 1/2 load",
        "RUN tides  · load 3/12 · three files",
        "RUN tides  ✓ load · TIME",
        "RUN tides  ▸ 2/2 answer",
        'RUN tides  → claude-sonnet-4-5 · "How high is the tide?" (47 characters)',
        'RUN tides  ← claude-sonnet-4-5 · TIME · 1,000 tokens in, 100 out · $0.00450 · "Two metres·[2J."',
        "RUN tides  ‖ paused",
        "RUN tides  ▶ goes on",
        "RUN tides  ✗ answer · TIME · ValueError",
        f"RUN tides  ✗ failed · TIME · {error}",
        f"RUN tides  Σ failed · TIME · 2 steps · 1 call · 1,000 tokens in, 100 out · $0.00450 · {error}",
    ]


def test_a_pipe_gets_no_colours_and_a_run_that_is_asked_for_ends_the_command(home: CollectorProcess) -> None:
    run = live(home, "tides")
    done = quarterdeck("tail", "--run", run.id, *at(home), "--full")
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    assert "│ [system]" in done.stdout
    assert "│ the tide?" in done.stdout
    assert shown(done.stdout, run)[-1].startswith("RUN tides  Σ failed")


def test_colours_are_left_out_where_nobody_wants_them(home: CollectorProcess, told: Night) -> None:
    for wish in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with terminal("tail", "--run", told.bad.id, *at(home), environ=wish) as screen:
            assert screen.end() == 1
            assert "\x1b" not in screen.written
            assert "Σ failed" in screen.written


def test_a_run_too_short_for_live_events_is_told_with_its_cost(home: CollectorProcess, told: Night) -> None:
    done = quarterdeck("tail", "--run", told.good.id, *at(home))
    assert (done.returncode, done.stderr) == (0, "")
    assert shown(done.stdout, told.good) == [
        f"RUN {night.PIPELINE}  Σ completed · TIME · 2 steps · 1 call · 5,200 tokens in, 60 out · $0.017"
    ]


def test_a_program_gets_each_event_as_json(home: CollectorProcess) -> None:
    run = live(home, "for programs")
    done = quarterdeck("tail", "--no-follow", "--pipeline", "for programs", "--json", "--level", "error", *at(home))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events if event["event"] != "run:summary"]
    assert names == [
        "pipeline:started",
        *("step:started", "step:progress", "step:completed", "step:started", "prompt:sent"),
        *("response:streaming", "response:streaming", "response:streaming", "response:received"),
        *("heartbeat", "heartbeat", "step:completed", "pipeline:error"),
    ]
    assert {event["RunId"] for event in events if "RunId" in event} == {run.id}


def test_a_run_whose_program_is_gone_is_called_lost(home: CollectorProcess) -> None:
    run = Run(home.otlp, "vanished")
    with terminal("tail", "--run", run.id, *at(home)) as screen:
        screen.wait_for("? lost: no sign of life for 8 s")
        assert screen.end() == 1


def test_what_happens_while_the_connection_is_broken_is_told_after_it(tmp_path: Path) -> None:
    otlp, clickhouse = free_ports(2)
    flags = ("--otlp-http-port", str(otlp), "--clickhouse-port", str(clickhouse))
    with collector(tmp_path / "data", *flags) as first, terminal("tail", "--pipeline", "broken", *at(first)) as screen:
        screen.wait_for("following")
        run = Run(first.otlp, "broken")
        screen.wait_for("▶ started")
        first.kill()
        screen.wait_for("trying again")
        with collector(tmp_path / "data", *flags) as second:
            step = run.step("after all", 1)
            screen.wait_for("connected again, nothing is missing")
            run.end_step(step)
            run.end()
            screen.wait_for("✓ completed")
        screen.press("\x03")
        assert screen.end() == 0
    assert second.otlp == first.otlp
    texts = [line.rpartition("  ")[2] for line in shown(screen.plain, run) if line.startswith("RUN")]
    assert [text.split()[0] for text in texts if not text.startswith("Σ")] == ["▶", "▸", "✓", "✓"]
    assert "start it with 'quarterdeck up'" in screen.plain


def test_without_a_collector_it_is_said_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    away = ("--endpoint", "http://127.0.0.1:9", "--clickhouse-url", "http://127.0.0.1:9")
    assert main(["--no-follow", *away]) == 1
    done = capsys.readouterr()
    assert done.out == ""
    assert (
        "quarterdeck tail: http://127.0.0.1:9 does not answer (connection refused): start it with 'quarterdeck up', or "
        "say where it is with --endpoint or QUARTERDECK_ENDPOINT" in done.err
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "soon"), "'soon' is no time: write how long ago (10m, 24h, 7d)"),
        (("--level", "loud"), "invalid choice: 'loud'"),
        (("--endpoint", "localhost:4318"), "'localhost:4318' is no http(s) URL"),
    ],
)
def test_a_wrong_argument_of_tail_is_explained(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.suppress(SystemExit):
        assert main(["--no-follow", *words]) == 1
    assert said in capsys.readouterr().err

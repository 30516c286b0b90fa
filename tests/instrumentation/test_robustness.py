"""Hostile conditions: whatever happens, spans end, memory is bounded, and nothing is sent twice."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck import config, semconv
from quarterdeck.channel import Channel
from quarterdeck.control import Control
from quarterdeck.guard import Switch
from quarterdeck.redaction import scrub
from quarterdeck.settings import ConfigError
from quarterdeck.testing import MemorySpans, Recording
from quarterdeck.values import MAX_TEXT_BYTES, to_json
from support.otlp_receiver import Receiver

KEY = "sk-" + "a1" * 15


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def run_python(code: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "QUARTERDECK_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@qd.step
def fail_without_words() -> None:
    raise UnspeakableError


def test_an_exception_that_cannot_be_shown_still_ends_its_span(
    telemetry: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Switch, "reraise", False)
    with pytest.raises(UnspeakableError), qd.pipeline("p"):
        fail_without_words()
    assert [(span["name"], span["status"]) for span in telemetry.normal_spans()] == [
        ("invoke_workflow p", "ERROR"),
        ("step fail_without_words", "ERROR"),
    ]


def test_a_giant_exception_is_cut(telemetry: Recording) -> None:
    with pytest.raises(ValueError, match="x"), qd.step("s"):
        raise ValueError("x" * 3 * MAX_TEXT_BYTES)
    (span,) = telemetry.spans()
    (event,) = span.events
    sizes = {key: len(str(value)) for key, value in (event.attributes or {}).items()}
    assert max(sizes.values()) < 1.1 * MAX_TEXT_BYTES
    assert set(sizes) == {"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"}


async def test_one_block_entered_by_two_tasks_keeps_them_apart(telemetry: Recording) -> None:
    block = qd.step("shared")
    first_left = asyncio.Event()

    async def early() -> None:
        with block as step:
            step.set(who="early")
            await asyncio.sleep(0.01)
        first_left.set()

    async def late() -> None:
        with block as step:
            step.set(who="late")
            await first_left.wait()
            with qd.step("inside"):
                pass

    with qd.pipeline("p"):
        await asyncio.gather(early(), late())
    spans = {(span.attributes or {}).get("who", span.name): span for span in telemetry.spans()}
    late_span, inside = spans["late"], spans["step inside"]
    assert inside.end_time is not None
    assert late_span.end_time is not None
    assert late_span.end_time >= inside.end_time
    assert inside.parent is not None
    assert (context := late_span.get_span_context()) is not None
    assert inside.parent.span_id == context.span_id


@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", "'", "/", "\u00e9", "="])
@pytest.mark.parametrize("secret", [KEY, "AKIA" + "A1" * 8, "ghp_" + "a1" * 18, "xoxb-" + "1" * 12])
def test_a_secret_is_found_behind_any_escape(before: str, secret: str) -> None:
    text = to_json({"text": f"my key:{before}{secret} end"})
    assert secret not in scrub(text)
    assert secret not in scrub(to_json({"nested": text}))


def test_resource_attributes_and_span_names_are_clean_too(receiver: Receiver, collector: str) -> None:
    code = f"""
        import quarterdeck as qd, logging, time
        qd.init(resource_attributes={{"team.key": "{KEY}"}})
        with qd.pipeline("p {KEY}"):
            logging.getLogger("app").warning("x")
            time.sleep(0.5)
    """
    assert run_python(code, collector).returncode == 0
    messages: list[Any] = [*receiver.traces, *receiver.logs]
    sent = b"".join(message.SerializeToString() for message in messages)
    assert b"[redacted:api_key]" in sent
    assert KEY.encode() not in sent


def test_what_the_collector_can_never_take_does_not_hold_up_the_rest(receiver: Receiver, collector: str) -> None:
    receiver.status = 400
    qd.init(collector)
    with qd.pipeline("refused"):
        time.sleep(0.5)
    assert not qd.flush()
    receiver.status = 200
    with qd.pipeline("fine"):
        time.sleep(0.5)
    assert qd.flush()
    assert [span["name"] for span in receiver.spans()] == ["invoke_workflow fine"]
    assert {event["attributes"][semconv.PIPELINE_NAME] for event in receiver.records(semconv.LIVE_SCOPE)} == {"fine"}


@pytest.mark.usefixtures("telemetry")
def test_live_events_waiting_for_a_collector_are_bounded_in_bytes() -> None:
    channel: Channel = config._state.live._events  # type: ignore[union-attr]  # recording has started both
    with channel._sending:
        for _ in range(300):
            with qd.pipeline("big", input="x" * 250_000) as run:
                run.status = "waiting"
        assert channel.waiting_bytes < 65_000_000


def test_spans_waiting_for_an_exporter_are_bounded_in_bytes() -> None:
    memory = MemorySpans()
    qd.init("", exporters=[memory])
    (batch,) = config._state.batches  # type: ignore[union-attr]  # init has just started it
    with batch._clean._lock:  # type: ignore[union-attr]  # a given exporter has one
        for _ in range(600):
            with qd.pipeline("big", input="x" * 250_000):
                pass
        assert batch.waiting_bytes < 70_000_000
    assert qd.flush(60)
    assert 200 < len(memory.kept()) < 600  # what waits, and at most as much that was under way
    assert batch.waiting_bytes == 0


def test_terminal_statuses_for_an_absent_runner_are_bounded() -> None:
    control = Control("http://127.0.0.1:9", "test")
    control._stop.set()
    from quarterdeck.context import Run

    for number in range(3_000):
        run = Run(str(number), "p")
        control._runs[run.id] = (run, None)  # type: ignore[assignment]  # no command will come
        control.closed(run)
    control._beat()
    assert len(control._ended) == 1_000
    assert control._ended[-1]["id"] == "2999"


def test_a_value_that_shares_its_parts_does_not_explode() -> None:
    value: Any = ["leaf"]
    for _ in range(8):
        value = [value] * 50
    began = time.process_time()
    text = to_json(value)
    assert len(text) < 2_000_000
    assert time.process_time() - began < 20


def test_the_items_of_a_generator_are_not_kept_alive(telemetry: Recording) -> None:
    import weakref

    class Big:
        pass

    @qd.step
    def produce() -> Iterator[Big]:
        for _ in range(3):
            yield Big()

    alive: list[weakref.ref[Big]] = []
    for item in produce():
        alive = [reference for reference in alive if reference() is not None]
        alive.append(weakref.ref(item))
        assert len(alive) <= 2
    assert len(telemetry.spans()) == 1


def test_a_forked_child_sends_its_own_spans_only_even_while_the_collector_is_away(
    receiver: Receiver, collector: str
) -> None:
    receiver.status = 500
    code = """
        import os
        import quarterdeck as qd
        qd.init()
        with qd.pipeline("parent"):
            pass
        qd.flush(3)
        child = os.fork()
        if not child:
            with qd.pipeline("child"):
                pass
            print("forked", flush=True)
            os._exit(0 if qd.flush(20) or qd.flush(20) else 3)
        assert os.waitpid(child, 0)[1] == 0
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "QUARTERDECK_ENDPOINT": collector},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        receiver.status = 200
    assert process.returncode == 0
    assert sorted(span["name"] for span in receiver.spans()) == ["invoke_workflow child", "invoke_workflow parent"]


def test_a_process_of_multiprocessing_sends_its_last_spans(receiver: Receiver, collector: str) -> None:
    code = """
        import multiprocessing
        import quarterdeck as qd
        qd.init()
        def work():
            with qd.step("child"):
                pass
        with qd.pipeline("parent"):
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            process.join()
    """
    done = run_python(code, collector)
    assert done.returncode == 0, done.stderr
    spans = {span["name"]: span for span in receiver.spans()}
    assert spans["step child"]["parent_id"] == spans["invoke_workflow parent"]["span_id"]
    assert len(receiver.spans()) == 2


async def test_urls_among_the_exporters_get_clean_spans_and_no_live_events(receiver: Receiver, collector: str) -> None:
    qd.init("", exporters=[collector])
    with qd.pipeline("p", input=KEY):
        await asyncio.sleep(0.5)
    assert await asyncio.to_thread(qd.flush)
    (span,) = receiver.spans()
    assert span["attributes"][semconv.RUN_INPUT] == '"[redacted:api_key]"'
    assert receiver.logs == []
    qd.init("", exporters=[collector])
    with pytest.raises(ConfigError, match="http"):
        qd.init(exporters=["jaeger:4318"])
    with pytest.raises(ConfigError, match="sequence"):
        qd.init(exporters=collector)

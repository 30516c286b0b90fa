"""GET /v1/live: what listeners hear, and that those who come back miss nothing and hear nothing twice."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quarterdeck import semconv
from quarterdeck_collector.listen.journal import KEPT_SECONDS, LogJournal
from quarterdeck_collector.listen.names import ALL_NAMES, EVENT_NAMES
from quarterdeck_collector.segments import OpenSegment, Segment, first_position, frame
from support import otlp
from support.collectors import PATIENCE, CollectorProcess, collector
from support.listening import Heard, Listener, listening

START = 1_767_225_600_000_000_001
TRACE = bytes(range(16))
SENT_BY_THE_SDK = {name: event for name, event in EVENT_NAMES.items() if name != "metrics:updated"}


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex


def live(run: str, text: Any = "", name: str = semconv.EVENT_RESPONSE_STREAMING, **more: Any) -> dict[str, Any]:
    attributes = {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "digest", semconv.SPAN_START: START}
    return {"event_name": name, "time_unix_nano": START + 1, "attributes": attributes | more, "body": str(text)}


def entry(run: str, text: Any = "", **more: Any) -> dict[str, Any]:
    return {"body": str(text), "attributes": {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "digest"}, **more}


def tell(home: CollectorProcess, *events: dict[str, Any]) -> None:
    request = otlp.logs(*events, scope=semconv.LIVE_SCOPE)
    home.post("/v1/logs", request.SerializeToString()).raise_for_status()


def write(home: CollectorProcess, *records: dict[str, Any]) -> None:
    home.post("/v1/logs", otlp.logs(*records).SerializeToString()).raise_for_status()


def texts(events: list[Heard]) -> list[str]:
    return [event.data.get("Text") or event.data["Body"] for event in events]


def test_every_event_has_its_name(running: CollectorProcess, run: str) -> None:
    with listening(running.otlp, run=run) as listener:
        tell(running, *(live(run, name=event) for event in SENT_BY_THE_SDK.values()))
        write(running, entry(run))
        heard = listener.take(len(SENT_BY_THE_SDK) + 1)

    assert [event.name for event in heard] == [*SENT_BY_THE_SDK, "log:entry"]
    assert {event.name for event in heard} == ALL_NAMES - {"metrics:updated"}
    assert {
        *("pipeline:started", "pipeline:completed", "pipeline:error", "step:started", "step:progress"),
        *("step:completed", "prompt:sent", "response:streaming", "response:received", "heartbeat", "log:entry"),
    } == {event.name for event in heard}


def test_a_live_event_is_told_as_its_row_on_arrival_and_from_the_table(running: CollectorProcess, run: str) -> None:
    more: dict[str, Any] = {
        semconv.STEP_ID: "s",
        semconv.STEP_NAME: "sum",
        semconv.CHUNK_SEQUENCE: 3,
        semconv.CHUNK_KIND: "text",
    }
    with listening(running.otlp, run=run) as listener:
        start = listener.last_id
        tell(running, live(run, 'two\nlines "é"', **more))
        (heard,) = listener.take(1)
    with listening(running.otlp, start, run=run) as listener:
        assert listener.take(1) == [heard]

    assert heard.data.pop("Position") > START
    assert heard.data == {
        "Timestamp": "2026-01-01T00:00:00.000000002Z",
        "EventName": "quarterdeck.response.streaming",
        "RunId": run,
        "PipelineName": "digest",
        "TraceId": "",
        "SpanId": "",
        "ParentSpanId": "",
        "SpanName": "",
        "StartTime": "2026-01-01T00:00:00.000000001Z",
        "StepId": "s",
        "StepName": "sum",
        "ServiceName": "tests",
        "Sequence": 3,
        "Text": 'two\nlines "é"',
        "StandIn": 0,
        "Attributes": {semconv.CHUNK_KIND: "text"},
    }


def test_a_log_record_is_told_whole(running: CollectorProcess, run: str) -> None:
    record = {
        "time_unix_nano": START,
        "severity_number": 13,
        "severity_text": "WARNING",
        "trace_id": TRACE,
        "span_id": bytes(range(8)),
        "body": {"nested": [1, None]},
        "attributes": {
            semconv.RUN_ID: run,
            semconv.PIPELINE_NAME: "digest",
            semconv.STEP_ID: "s",
            semconv.STEP_NAME: "sum",
            "retries": 2,
        },
    }
    with listening(running.otlp, run=run) as listener:
        start = listener.last_id
        write(running, record)
        (heard,) = listener.take(1)
    with listening(running.otlp, start, run=run) as listener:
        assert listener.take(1) == [heard]

    assert heard.data.pop("Position") > START
    assert heard.data == {
        "Timestamp": "2026-01-01T00:00:00.000000001Z",
        "EventName": "",
        "RunId": run,
        "PipelineName": "digest",
        "StepId": "s",
        "StepName": "sum",
        "TraceId": TRACE.hex(),
        "SpanId": bytes(range(8)).hex(),
        "ServiceName": "tests",
        "ScopeName": "quarterdeck.log",
        "SeverityText": "WARNING",
        "SeverityNumber": 13,
        "Body": '{"nested":[1,null]}',
        "Attributes": {
            semconv.RUN_ID: run,
            semconv.PIPELINE_NAME: "digest",
            semconv.STEP_ID: "s",
            semconv.STEP_NAME: "sum",
            "retries": "2",
        },
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["start", "step", "second", "other", "info", "warn"]),
        ({"event": "*"}, ["start", "step", "second", "other", "info", "warn"]),
        ({"event": ["pipeline:started", "log:entry"]}, ["start", "info", "warn"]),
        ({"event": "step:*"}, ["step"]),
        ({"severity": "WARN"}, ["start", "step", "second", "other", "warn"]),
        ({"severity": "13", "event": "log:*"}, ["warn"]),
        ({"pipeline": ["else", "none"]}, ["other"]),
    ],
)
def test_listeners_hear_what_they_asked_for_on_arrival_and_when_they_come_back(
    running: CollectorProcess, run: str, query: dict[str, Any], expected: list[str]
) -> None:
    second = uuid.uuid4().hex
    with listening(running.otlp, run=[run, second], **query) as listener:
        start = listener.last_id
        tell(
            running,
            live(run, "start", semconv.EVENT_PIPELINE_STARTED),
            live(run, "step", semconv.EVENT_STEP_STARTED),
            live("not ours", "not ours"),
            live(second, "second"),
            live(run, "other", **{semconv.PIPELINE_NAME: "else"}),
        )
        write(
            running,
            entry(run, "info", severity_number=9),
            entry("not ours", severity_number=21),
            entry(second, "warn", severity_number=13),
        )
        assert texts(listener.take(len(expected))) == expected
    with listening(running.otlp, start, run=[run, second], **query) as listener:
        assert texts(listener.past()) == expected


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"event": "step:begun"}, "there is no event 'step:begun'; known are heartbeat, log:entry, metrics:updated, "),
        ({"event": "nothing:*"}, "there is no event 'nothing:*'"),
        ({"event": ""}, "there is no event ''"),
        ({"severity": "loud"}, "there is no severity 'loud'; use trace, debug, info, warn, error, fatal or a number"),
        ({"severity": "25"}, "there is no severity '25'"),
        ({"last_event_id": "-1"}, "'-1' is no event id of this stream"),
        ({"last_event_id": "1-2-3"}, "'1-2-3' is no event id of this stream"),
        ({"last_event_id": "9" * 21}, "is no event id of this stream"),
    ],
)
def test_a_question_that_cannot_be_meant_is_answered_with_what_can(
    running: CollectorProcess, query: dict[str, str], problem: str
) -> None:
    answer = httpx.get(f"{running.otlp}/v1/live", params=query, timeout=PATIENCE)

    assert answer.status_code == 400
    assert problem in answer.json()["detail"]


def test_the_id_can_be_part_of_the_address_and_the_header_counts_more(running: CollectorProcess, run: str) -> None:
    with listening(running.otlp, run=run) as listener:
        start = listener.last_id
        tell(running, live(run, "first"))
        listener.take(1)
        tell(running, live(run, "second"))
        between = listener.last_id
    url = f"{running.otlp}/v1/live"
    query = {"run": run, "last_event_id": start}
    with httpx.stream("GET", url, params=query, timeout=PATIENCE) as response:
        assert texts(Listener(response.iter_lines()).past()) == ["first", "second"]
    with listening(running.otlp, between, **query) as listener:
        assert texts(listener.past()) == ["second"]


class Sender(threading.Thread):
    """Sends numbered live events and log records until it is stopped; knows which were acknowledged.

    Args:
        home: Collector.
        run: Run id of all of them.
        chance: How they are grouped.
    """

    def __init__(self, home: CollectorProcess, run: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.home, self.run_id, self.chance = home, run, chance
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            kind, send = self.chance.choice((("live", tell), ("log", write)))
            make = live if send is tell else entry
            sent = [f"{kind} {uuid.uuid4()}" for _ in range(self.chance.randrange(1, 30))]
            try:
                send(self.home, *(make(self.run_id, text) for text in sent))
            except httpx.HTTPError:
                self.unknown += sent
                return
            self.acknowledged += sent

    def stop(self) -> None:
        self.stopping.set()
        self.join(PATIENCE)


def hear(home: CollectorProcess, run: str, last_id: str, count: int) -> tuple[list[Heard], str]:
    """Listen for some events, then leave without a word, as a closed laptop does."""
    with listening(home.otlp, last_id, run=run) as listener:
        return listener.take(count), listener.last_id


def test_listeners_who_come_back_miss_nothing_and_hear_nothing_twice_also_across_kills(
    tmp_path: Path, run: str
) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    heard: list[Heard] = []
    acknowledged: list[str] = []
    unknown: list[str] = []
    last_id = "1"
    for _ in range(2):
        with collector(tmp_path / "data") as home:
            senders = [Sender(home, run, chance) for _ in range(3)]
            for sender in senders:
                sender.start()
            for _ in range(5):
                events, last_id = hear(home, run, last_id, chance.randrange(1, 80))
                heard += events
            home.kill()
            for sender in senders:
                sender.stop()
                acknowledged += sender.acknowledged
                unknown += sender.unknown
    with collector(tmp_path / "data") as home, listening(home.otlp, last_id, run=run) as listener:
        heard += listener.past()

    told = texts([event for event in heard if not event.name.startswith("quarterdeck.")])
    assert len(told) == len(set(told))
    assert set(acknowledged) <= set(told) <= set(acknowledged) | set(unknown)
    assert {"live", "log"} == {text.partition(" ")[0] for text in acknowledged}
    assert [event.name for event in heard if event.name.startswith("quarterdeck.")] == ["quarterdeck.gap"]


def test_a_slow_listener_is_dropped_with_a_notice_and_can_go_on(running: CollectorProcess, run: str) -> None:
    sent = [f"{number} " + "x" * 1_000_000 for number in range(32)]
    with listening(running.otlp, run=run) as listener:
        for start in range(0, len(sent), 8):  # nobody reads meanwhile
            tell(running, *(live(run, text) for text in sent[start : start + 8]))
        heard = list(listener)
    assert heard.pop().name == "quarterdeck.dropped"
    assert len(heard) < len(sent)

    with listening(running.otlp, listener.last_id, run=run) as listener:
        heard += listener.past()
        tell(running, live(run, "after"))
        heard += listener.take(1)
    assert [text[:20] for text in texts(heard)] == [text[:20] for text in [*sent, "after"]]


def test_many_log_records_in_one_request_reach_a_listener_who_reads(running: CollectorProcess, run: str) -> None:
    numbers = [str(number) for number in range(5_000)]
    with listening(running.otlp, run=run) as listener:
        start = listener.last_id
        write(running, *(entry(run, number) for number in numbers))
        assert texts(listener.take(5_000)) == numbers
    with listening(running.otlp, start, run=run) as listener:
        assert texts(listener.past()) == numbers


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector in which nothing runs, and whose older log entries are no longer kept for listeners."""
    data = tmp_path_factory.mktemp("quiet") / "data"
    recent = data / "recent-logs"
    recent.mkdir(parents=True)
    (recent / f"trimmed.{START}").touch()
    with collector(data) as process:
        yield process


def test_log_entries_that_are_not_kept_any_more_are_said_to_be_missing(quiet: CollectorProcess) -> None:
    with listening(quiet.otlp, f"{START - 1}-{START - 1}", event="log:entry") as listener:
        (gap,) = listener.past()
    assert (gap.name, gap.data["before"]) == ("quarterdeck.gap", "2026-01-01T00:00:00.000000001Z")
    with listening(quiet.otlp, f"{START}-{START}", event="log:entry") as listener:
        assert listener.past() == []


def sealed(folder: Path, *bodies: str) -> Segment:
    folder.mkdir(exist_ok=True)
    opened = OpenSegment(folder)
    for body in bodies:
        opened.append([frame(otlp.logs(entry("r", body)).SerializeToString())], 1)
    segment = opened.seal()
    assert segment is not None
    return segment


def test_the_journal_keeps_what_is_young_and_knows_from_where_it_is_complete(tmp_path: Path) -> None:
    ages = [0]
    segments = tmp_path / "segments"
    old, young = sealed(segments, "a", "b"), sealed(segments, "c", "d")
    journal = LogJournal(tmp_path / "recent", segments, lambda: first_position(old.path) + ages[0])
    for segment in (old, young, old):
        journal.keep(segment)
        segment.path.unlink(missing_ok=True)
    ages[0] = KEPT_SECONDS * 1_000_000_000 + 1
    journal.trim()

    again = LogJournal(tmp_path / "recent", segments)
    for read in (journal, again):
        assert read.complete_after == first_position(old.path) + 1
        with pytest.raises(FileNotFoundError):
            next(read.read(0, 2**63))
        rows = [row for part in read.read(read.complete_after, 2**63) for row in part]
        assert [(row["Position"], row["Body"]) for row in rows] == [
            (first_position(young.path), "c"),
            (first_position(young.path) + 1, "d"),
        ]
    again.clear()
    assert list(again.read(again.complete_after, 2**63)) == []
    assert again.complete_after == first_position(young.path) + 1


def test_what_cannot_be_kept_is_known_to_be_missing(tmp_path: Path) -> None:
    segment = sealed(tmp_path / "segments", "a", "b")
    journal = LogJournal(tmp_path / "recent", tmp_path / "segments")
    (tmp_path / "recent").rmdir()
    journal.keep(segment)
    journal.trim()

    assert journal.complete_after == first_position(segment.path) + 1


def test_the_totals_are_told_while_a_run_lives_and_when_they_change(quiet: CollectorProcess, run: str) -> None:
    start = time.time_ns() - 2_000_000_000
    call = {
        "name": "chat m",
        "start_time_unix_nano": start,
        "end_time_unix_nano": start + 1_000_000_000,
        "attributes": {
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.USAGE_INPUT_TOKENS: 10,
            semconv.USAGE_OUTPUT_TOKENS: 5,
        },
    }
    with listening(quiet.otlp, event="metrics:updated") as listener:
        tell(quiet, live(run, name=semconv.EVENT_HEARTBEAT))
        quiet.post("/v1/traces", otlp.traces(call).SerializeToString()).raise_for_status()
        totals = next(event.data for event in listener if event.data["total_tokens_used"])
        tell(quiet, live(run, name=semconv.EVENT_PIPELINE_COMPLETED))
        last = next(event.data for event in listener if not event.data["total_pipelines_running"])

    assert totals.pop("timestamp") < last.pop("timestamp")
    expected = {"total_tokens_used": 15, "total_cost": 0, "avg_response_time_ms": 1000, "error_rate": 0}
    assert totals == {"total_pipelines_running": 1, **expected}
    assert last == {"total_pipelines_running": 0, **expected}

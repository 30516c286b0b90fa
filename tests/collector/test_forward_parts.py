"""The parts of forwarding: settings, what a target gets of a request, and the links that wait for it."""

import email.utils
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import CliApp

from quarterdeck import semconv
from quarterdeck_collector.__main__ import main
from quarterdeck_collector.counters import Counters
from quarterdeck_collector.forward.forwarding import open_transport
from quarterdeck_collector.forward.rewrite import trimmed, without_live_events
from quarterdeck_collector.forward.spool import Spool
from quarterdeck_collector.forward.targets import SIGNALS, Target, TargetError, parse_target, refuse_own_addresses
from quarterdeck_collector.forward.transport import Verdict
from quarterdeck_collector.forward.worker import Tools, Worker
from quarterdeck_collector.receive.halves import halves
from quarterdeck_collector.receive.otlp import LOGS, TRACES
from quarterdeck_collector.segments import OpenSegment, Segment, frame
from quarterdeck_collector.settings import Settings
from support import otlp
from support.otlp_receiver import Receiver, plain
from support.servers import serve

UI = "http://deck:8501"


def test_a_target_is_a_url_with_options() -> None:
    url = "https://Vendor.example/otlp/?signals=logs,traces&max_value_bytes=2048&timeout=2.5&compress=false"
    target = parse_target(f"{url}&header.Authorization=Bearer%20a%26b&header.x-org=7&max_request_bytes=50000")

    assert target == Target(
        "https",
        "vendor.example",
        443,
        "/otlp",
        headers=(("authorization", "Bearer a&b"), ("x-org", "7")),
        signals=("traces", "logs"),
        max_value_bytes=2048,
        max_request_bytes=50_000,
        timeout=2.5,
        compress=False,
    )
    assert target.name == "https://vendor.example:443/otlp"
    assert "Bearer" not in repr(target)


def test_a_folder_keeps_its_name_when_options_change_and_tells_targets_apart() -> None:
    urls = ["http://a:1?header.x=1", "http://a:1?max_value_bytes=64", "http://a:1/b", "grpc://a:1", "http://[::1]:1"]
    folders = [parse_target(url).folder for url in urls]

    assert folders[0] == folders[1]
    assert len(set(folders)) == 4
    assert all(folder.replace("-", "").replace(".", "").isalnum() for folder in folders)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("jaeger:4318", "is no endpoint; write http://, https://, grpc://, grpcs:// followed by host and port"),
        ("ftp://jaeger:4318", "ftp://jaeger:4318 is no endpoint"),
        ("http://jaeger", "http://jaeger: add the port, such as http://jaeger:4318"),
        ("grpc://tempo", "grpc://tempo: add the port, such as grpc://tempo:4317"),
        ("grpc://tempo:4317/a", "grpc://tempo:4317/a: gRPC has no path; remove /a"),
        ("http://a:4318/v1/traces", "leave out /v1/traces, which is added for each signal"),
        ("http://me:secret@a:1", "http://a:1: give credentials as ?header.authorization=…, not before the host"),
        ("http://a:99999", "one of the endpoints is no URL: Port out of range 0-65535"),
        ("http://a:1#x", "a # has no meaning here"),
        ("http://a:1?signals=spans", "signals should be some of traces,logs,metrics, not 'spans'"),
        ("http://a:1?max_value_bytes=10", "max_value_bytes should be 0 or a number of bytes from 64, not '10'"),
        ("http://a:1?timeout=never", "timeout should be a number of seconds from 0.1 to 600, not 'never'"),
        ("http://a:1?compress=yes", "compress should be true or false, not 'yes'"),
        ("http://a:1?colour=red", "there is no option colour; there are signals, max_value_bytes,"),
        ("http://a:1?timeout=1&timeout=2", "option timeout is there twice"),
        ("http://a:1?secret", "write options as ?name=value&name=value"),
        ("http://a:1?header.a%20b=secret", "'a b' is no name of a header"),
        ("http://a:1?header.x=secret%0d%0aHost:y", "header.x should have a value of printable ASCII characters"),
        ("grpc://a:1?header.x-bin=secret", "'x-bin' is no name of a header"),
        ("http://a:1?header.x=", "header.x should have a value"),
    ],
)
def test_a_wrong_target_is_refused_with_the_reason_and_without_its_secrets(
    url: str, problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--forward", url]) == 2
    said = capfd.readouterr().err
    assert said.startswith("--forward: ")
    assert problem in said
    assert "secret" not in said.replace("?secret", "")


def test_several_targets_come_from_one_variable_or_several_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_FORWARD", "http://a:1?signals=traces,logs grpc://b:2\nhttps://c")
    settings = CliApp.run(Settings, cli_args=[])
    assert [target.name for target in settings.targets()] == ["http://a:1", "grpc://b:2", "https://c:443"]
    assert "a:1" not in repr(settings)
    flags = ["--forward", "http://a:1?signals=traces,logs", "--forward", "grpc://b:2"]
    assert [target.signals for target in CliApp.run(Settings, cli_args=flags).targets()] == [SIGNALS[:2], SIGNALS]


def test_the_same_target_twice_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--forward", "http://a:1", "--forward", "http://a:1?timeout=5"]) == 2
    assert "--forward: http://a:1 is there twice" in capfd.readouterr().err


OWN_NAMES = [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("0.0.0.0", socket.gethostname())]  # noqa: S104


@pytest.mark.parametrize(("listening", "host"), OWN_NAMES)
def test_a_collector_does_not_forward_to_itself(listening: str, host: str) -> None:
    with pytest.raises(TargetError, match="is this collector itself: it would forward in a circle"):
        refuse_own_addresses([Target("grpc", host, 4317)], [(listening, 4318), (listening, 4317)])
    refuse_own_addresses([Target("grpc", host, 4319)], [(listening, 4318), (listening, 4317)])


@pytest.mark.parametrize("host", ["127.0.0.2", "no-such-host.invalid"])
def test_another_address_is_another_target(host: str) -> None:
    refuse_own_addresses([Target("http", host, 4318)], [("127.0.0.1", 4318)])


def test_a_start_that_would_forward_to_itself_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    flags = ["--data-dir", str(tmp_path), "--otlp-http-port", port, "--clickhouse-port", "0"]
    assert main([*flags, "--forward", f"http://localhost:{port}"]) == 2
    assert f"http://localhost:{port} is this collector itself" in caplog.text


def test_live_events_are_taken_out_and_everything_else_is_as_it_was() -> None:
    kept = otlp.logs({"body": "kept"})
    mixed, expected = type(kept)(), type(kept)()
    for message in (otlp.logs({"body": "live"}, scope=semconv.LIVE_SCOPE), kept):
        mixed.MergeFrom(message)
    mixed.resource_logs[1].scope_logs.add().scope.name = semconv.LIVE_SCOPE
    expected.MergeFrom(kept)

    assert LOGS.request.FromString(without_live_events(LOGS, mixed.SerializeToString())) == expected
    body = kept.SerializeToString()
    assert without_live_events(LOGS, body) is body


def _span(attributes: dict[str, Any], **fields: Any) -> Any:
    message = otlp.traces({"attributes": attributes, **fields})
    cleaned: Any = TRACES.request.FromString(trimmed(TRACES, message.SerializeToString(), 100, UI))
    return cleaned.resource_spans[0].scope_spans[0].spans[0]


def test_long_values_end_with_a_mark_and_the_span_links_back_to_its_run() -> None:
    long, deep = "é" * 300, {"a": ["b" * 200]}
    attributes = {semconv.RUN_ID: "run/1", "short": "s", "n": 1, "long": long, "deep": deep, "raw": b"x" * 101}
    span = _span(attributes, span_id=b"\x01" * 8, events=[{"name": "e", "attributes": {"stack": long, "s": "t"}}])

    got = plain(span.attributes)
    marks = {key: got.pop(key) for key in ("long", "deep", "raw")}
    assert got == {
        semconv.RUN_ID: "run/1",
        "short": "s",
        "n": 1,
        semconv.RUN_URL: "http://deck:8501/?run=run%2F1&span=" + "01" * 8,
        semconv.TRIMMED: ["long", "deep", "raw", "stack"],
    }
    assert marks["long"].endswith("é… [trimmed by Quarterdeck, 600 bytes]")
    assert marks["deep"].startswith('{"a":["bbbb')
    assert all(90 < len(mark.encode()) <= 100 for mark in marks.values())
    assert plain(span.events[0].attributes)["s"] == "t"


def test_a_span_without_a_run_links_by_its_trace_and_one_without_long_values_stays() -> None:
    trace_id = otlp.new_trace_id()
    assert plain(_span({"long": "x" * 101}, trace_id=trace_id).attributes)[semconv.RUN_URL].startswith(
        f"{UI}/?run={trace_id.hex()}&span="
    )
    body = otlp.traces({"attributes": {"fits": "x" * 100, "other": "y" * 100}}).SerializeToString()
    assert trimmed(TRACES, body, 100, UI) is body
    assert trimmed(TRACES, body, 0, UI) is body


def test_a_long_body_of_a_record_is_trimmed() -> None:
    body = otlp.logs({"body": "x" * 500}).SerializeToString()
    record = LOGS.request.FromString(trimmed(LOGS, body, 100, UI)).resource_logs[0].scope_logs[0].log_records[0]

    assert record.body.string_value.endswith("[trimmed by Quarterdeck, 500 bytes]")
    assert plain(record.attributes)[semconv.TRIMMED] == ["body"]


def test_halves_hold_every_span_once_with_its_resource() -> None:
    whole = otlp.traces({"name": "a"}, {"name": "b"}, {"name": "c"}, resource={"r": 1})
    whole.MergeFrom(otlp.traces({"name": "d"}, {"name": "e"}, resource={"r": 2}))
    parts = halves(TRACES, whole.SerializeToString())
    assert parts is not None
    found = [
        [(plain(each.resource.attributes)["r"], span.name) for span in each.scope_spans[0].spans]
        for part in parts
        for each in TRACES.request.FromString(part).resource_spans
    ]

    assert found == [[(1, "a"), (1, "b")], [(1, "c")], [(2, "d"), (2, "e")]]
    assert halves(TRACES, otlp.traces({}).SerializeToString()) is None


class Folder:
    """Segments, and spools over them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.dropped: list[tuple[str, int, str]] = []
        (root / "segments" / "traces").mkdir(parents=True)

    def segment(self, items: int = 1, size: int = 10, body: bytes = b"") -> Segment:
        opened = OpenSegment(self._root / "segments" / "traces")
        opened.append([frame(body or b"x" * size)], items)
        sealed = opened.seal()
        assert sealed is not None
        return sealed

    def spool(self, limit: int = 1_000) -> Spool:
        note = lambda *what: self.dropped.append(what)  # noqa: E731 - one line
        return Spool(self._root / "forward", self._root / "segments", ["traces"], limit, note)

    @property
    def files(self) -> list[str]:
        return sorted(path.name.split(".", 1)[1] for path in (self._root / "forward" / "traces").iterdir())


@pytest.fixture
def http() -> Iterator[tuple[str, Receiver]]:
    receiver = Receiver()
    with serve(receiver.app()) as url:
        yield url, receiver


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_link_outlives_its_segment_and_remembers_how_far_it_was_sent(folder: Folder) -> None:
    segment = folder.segment(items=5)
    spool = folder.spool()
    spool.offer("traces", segment)
    segment.path.unlink()
    entry = spool.first("traces")
    assert entry is not None
    spool.advance(entry, 2, 3)

    again = folder.spool()
    entry = again.first("traces")
    assert entry is not None
    assert (entry.items, entry.done, again.waiting("traces"), again.bytes) == (2, 2, 2, 11)
    assert entry.path.read_bytes() == frame(b"x" * 10)
    again.finish(entry)
    assert (folder.files, again.bytes) == ([], 0)


def test_a_finished_segment_that_still_waits_for_clickhouse_is_not_linked_again(folder: Folder) -> None:
    segment = folder.segment()
    spool = folder.spool()
    spool.offer("traces", segment)
    entry = spool.first("traces")
    assert entry is not None
    spool.finish(entry)

    assert folder.files == ["done"]
    assert folder.spool().knows("traces", segment)
    segment.path.unlink()
    assert (folder.spool().knows("traces", segment), folder.files) == (False, [])


def test_a_crash_between_the_two_steps_of_finishing_sends_nothing_twice(folder: Folder) -> None:
    segment = folder.segment()
    folder.spool().offer("traces", segment)
    (folder._root / "forward" / "traces" / f"{segment.path.stem}.done").touch()

    assert folder.spool().first("traces") is None
    assert folder.files == ["done"]


def test_the_oldest_make_room_but_not_the_one_that_is_being_sent(folder: Folder) -> None:
    spool = folder.spool(limit=35)
    segments = [folder.segment(items=number) for number in (1, 2, 3, 4)]
    for segment in segments[:3]:
        spool.offer("traces", segment)
    held = spool.first("traces")
    assert held is not None
    spool.offer("traces", segments[3])

    assert folder.dropped == [("traces", 2, "spool_full")]
    assert [spool.waiting("traces"), spool.bytes, held.items] == [8, 33, 1]
    spool.offer("traces", folder.segment(items=9, size=60))
    assert folder.dropped[1:] == [("traces", 3, "spool_full"), ("traces", 4, "spool_full"), ("traces", 9, "spool_full")]
    assert all(spool.knows("traces", segment) for segment in segments)


def test_a_segment_that_cannot_be_linked_is_counted(folder: Folder) -> None:
    segment = folder.segment(items=7)
    segment.path.unlink()
    folder.spool().offer("traces", segment)

    assert folder.dropped == [("traces", 7, "disk")]


SOON = "the date and time in ninety seconds"


@pytest.mark.parametrize(
    ("status", "headers", "verdict", "pause"),
    [
        (200, {}, Verdict.TAKEN, None),
        (429, {"retry-after": "7"}, Verdict.LATER, 7),
        (503, {"retry-after": SOON}, Verdict.LATER, 90),
        (502, {"retry-after": "soon"}, Verdict.LATER, None),
        (504, {"retry-after": "86400"}, Verdict.LATER, 300),
        (400, {}, Verdict.BAD_REQUEST, None),
        (413, {}, Verdict.TOO_LARGE, None),
        (401, {}, Verdict.REFUSED, None),
        (500, {}, Verdict.REFUSED, None),
        (302, {"location": "http://127.0.0.1:1/"}, Verdict.REFUSED, None),
    ],
)
async def test_an_http_answer_means_what_otlp_says(
    http: tuple[str, Receiver], status: int, headers: dict[str, str], verdict: Verdict, pause: float
) -> None:
    url, receiver = http
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    headers = {name: soon if value == SOON else value for name, value in headers.items()}
    receiver.status, receiver.answer_headers = status, headers
    transport = open_transport(parse_target(url))
    answer = await transport.send(TRACES, transport.encode(otlp.traces({}).SerializeToString()))
    await transport.close()

    assert answer.verdict is verdict
    assert answer.pause == (pytest.approx(pause, abs=80) if pause == 90 else pause)


async def test_a_target_that_wants_no_compression_gets_none(http: tuple[str, Receiver]) -> None:
    url, receiver = http
    transport = open_transport(parse_target(f"{url}?compress=false"))
    sent = otlp.traces({})
    await transport.send(TRACES, transport.encode(sent.SerializeToString()))
    await transport.close()

    assert (receiver.traces, "content-encoding" in receiver.headers) == ([sent], False)


async def test_a_target_that_quotes_its_headers_does_not_make_them_known(http: tuple[str, Receiver]) -> None:
    url, receiver = http
    receiver.status, receiver.answer = 401, "unknown token abc-123\nand sk-ant-api03-abcdefghijklmnop"
    transport = open_transport(parse_target(f"{url}?header.authorization=abc-123"))
    answer = await transport.send(TRACES, transport.encode(b""))
    await transport.close()

    assert answer.reason == "HTTP 401 unknown token [redacted] and [redacted:anthropic_key]"


async def test_a_target_that_asks_for_a_pause_gets_it(
    http: tuple[str, Receiver], folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, receiver = http
    receiver.status, receiver.answer_headers = 503, {"retry-after": "7"}
    pauses: list[float] = []

    async def rest(_worker: Worker, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            receiver.answer_headers = {}
        if len(pauses) == 12:
            receiver.status = 200

    monkeypatch.setattr(Worker, "_rest", rest)
    spool, target, counters = folder.spool(), parse_target(url), Counters()
    spool.offer("traces", folder.segment(body=otlp.traces({"name": "late"}).SerializeToString()))
    transport = open_transport(target)
    with ThreadPoolExecutor(1) as executor:
        worker = Worker(target, TRACES, spool, transport, Tools(counters, executor, UI))
        worker.close()
        await worker.run()
    await transport.close()

    assert pauses[:2] == [7, 7]
    assert pauses[2] == pytest.approx(1, rel=0.21)
    assert pauses[-1] == pytest.approx(30, rel=0.21)
    assert [span["name"] for span in receiver.spans()] == ["late"]
    assert counters.get("forwarded_items", target=url, signal="traces") == 1

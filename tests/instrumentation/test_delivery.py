"""What really goes over the wire, and what happens when nobody is there."""

import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import quarterdeck as qd
from quarterdeck import config, semconv, settings
from quarterdeck.guard import Switch
from quarterdeck.settings import ConfigError
from quarterdeck.testing import MemorySpans
from support.otlp_receiver import Receiver
from support.servers import serve
from support.waiting import eventually

NOWHERE = "http://127.0.0.1:9"


@qd.step
def inner() -> str:
    return "x" * 5_000


@qd.pipeline
def outer(seconds: float = 0) -> None:
    with qd.step("wait"):
        logging.getLogger("app").warning("hello")
        time.sleep(seconds)
    inner()


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_spans_live_events_and_logs_arrive_in_requests_of_their_own(receiver: Receiver, collector: str) -> None:
    qd.init(collector)
    outer(0.7)
    assert qd.flush()

    spans = {span["name"]: span for span in receiver.spans()}
    assert set(spans) == {"invoke_workflow outer", "step wait", "step inner"}
    assert spans["step inner"]["parent_id"] == spans["invoke_workflow outer"]["span_id"]
    assert len(spans["step inner"]["attributes"][semconv.STEP_OUTPUT]) == 5_002
    assert [event["event"] for event in receiver.records(semconv.LIVE_SCOPE)] == [
        semconv.EVENT_PIPELINE_STARTED,
        semconv.EVENT_STEP_STARTED,
        semconv.EVENT_STEP_COMPLETED,
        semconv.EVENT_PIPELINE_COMPLETED,
    ]
    (log,) = receiver.records(semconv.LOG_SCOPE)
    assert (log["body"], log["span_id"]) == ("hello", spans["step wait"]["span_id"])
    assert all(len(scopes) == 1 for scopes in receiver.scopes_per_request())


def test_live_events_arrive_while_the_run_is_open(receiver: Receiver, collector: str) -> None:
    qd.init(collector)
    with qd.pipeline("open"):
        (started,) = eventually(lambda: receiver.records(semconv.LIVE_SCOPE)[:1])
        assert started["event"] == semconv.EVENT_PIPELINE_STARTED
        assert receiver.spans() == []


def test_further_exporters_get_clean_spans_and_no_endpoint_means_no_live_events() -> None:
    memory = MemorySpans()
    qd.init("", exporters=[memory])
    assert config.live() is None
    with qd.pipeline("p", input="sk-ant-abcdefghijklmnop"):
        pass
    assert qd.flush()
    (span,) = memory.kept()
    assert (span.attributes or {})[semconv.RUN_INPUT] == '"[redacted:anthropic_key]"'


def test_an_absent_collector_costs_one_warning_and_no_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    qd.init(NOWHERE)
    outer()
    with qd.pipeline("long"):
        eventually(lambda: _ours(caplog), 30)
        for _ in range(50):
            outer()
        time.sleep(1.5)
    began = time.monotonic()
    qd.shutdown()
    assert time.monotonic() - began < 10
    said = [record for record in caplog.records if record.name != "app"]
    assert [(record.name, record.levelname) for record in said] == [("quarterdeck", "WARNING")]
    assert NOWHERE in said[0].getMessage()


def test_what_was_held_during_an_outage_arrives_and_recovery_is_told_once(
    receiver: Receiver, collector: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "quarterdeck")
    receiver.status = 500
    qd.init(collector)
    outer()
    eventually(lambda: _ours(caplog))
    receiver.status = 200
    outer()
    eventually(lambda: qd.flush(1) and len(receiver.spans()) == 6)
    warning, recovery = eventually(lambda: _ours(caplog)[1:] and _ours(caplog))
    assert (warning.levelname, recovery.levelname) == ("WARNING", "INFO")
    assert "answers again" in recovery.getMessage()


def _ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "quarterdeck"]


def test_a_second_init_changes_nothing_and_says_so_only_if_it_differs(caplog: pytest.LogCaptureFixture) -> None:
    qd.init(NOWHERE, service_name="a")
    before = config._state
    qd.init()
    qd.init(NOWHERE, service_name="a")
    assert caplog.records == []
    qd.init(NOWHERE, service_name="b")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert config._state is before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"endpoint": 4318}, "endpoint must be a string, not int"),
        ({"capture": "all"}, "capture must be one of full, hash, off, not 'all'"),
        ({"exporters": ["jaeger"]}, "exporters must be a sequence"),
        ({"resource_attributes": ["a"]}, "resource_attributes must be a mapping"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_with_advice(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        qd.init(**arguments)  # type: ignore[arg-type] # the wrong type is the test


def test_a_bad_environment_is_survived(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("QUARTERDECK_ENDPOINT", "localhost:4318")
    monkeypatch.setenv("QUARTERDECK_RUNNER_URL", "nonsense")
    qd.init()
    outer()
    assert [record.levelname for record in _ours(caplog)] == ["WARNING", "WARNING"]


def test_endpoint_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    def endpoint(given: str | None = None) -> str:
        return settings.resolve(given, None, None, None, None).endpoint

    assert endpoint() == "http://127.0.0.1:4318"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318/")
    assert endpoint() == "http://otel:4318"
    monkeypatch.setenv("QUARTERDECK_ENDPOINT", "http://deck:1")
    assert endpoint() == "http://deck:1"
    assert endpoint("http://given:2/v1/traces") == "http://given:2"
    assert endpoint("") == ""


class Broken(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError(f"broken: {len(spans)}")


def test_a_broken_exporter_harms_nobody(receiver: Receiver, collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Switch, "reraise", False)
    qd.init(collector, exporters=[Broken()])
    outer()
    qd.flush()
    assert len(receiver.spans()) == 3


def test_a_batch_that_is_too_large_for_one_request_is_split(receiver: Receiver, collector: str) -> None:
    qd.init(collector)

    @qd.step
    def big() -> list[str]:
        return ["x" * 200_000] * 5

    for _ in range(20):
        big()
    assert qd.flush(30)
    assert len(receiver.spans()) == 20
    assert len(receiver.traces) >= 3


def test_shutting_down_leaves_a_provider_that_it_joined_alive(receiver: Receiver, collector: str) -> None:
    done = run_python(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from quarterdeck.testing import MemorySpans
        theirs, memory = TracerProvider(), MemorySpans()
        theirs.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(theirs)
        import quarterdeck as qd
        qd.init()
        for name in ("with us", "without us"):
            with trace.get_tracer("x").start_as_current_span(name):
                pass
            qd.shutdown()
        assert trace.get_tracer_provider() is theirs
        print([span.name for span in memory.kept()])
        """,
        QUARTERDECK_ENDPOINT=collector,
    )
    assert (done.stdout.strip(), done.stderr) == ("['with us', 'without us']", "")
    assert [span["name"] for span in receiver.spans()] == ["with us"]


def test_it_joins_a_provider_that_exists_and_its_own_defaults_are_generous() -> None:
    joined = run_python(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        theirs = TracerProvider(); trace.set_tracer_provider(theirs)
        import quarterdeck as qd
        from quarterdeck.testing import MemorySpans
        memory = MemorySpans()
        qd.init("", exporters=[memory])
        assert trace.get_tracer_provider() is theirs
        with qd.pipeline("p"), trace.get_tracer("x").start_as_current_span("theirs"): pass
        qd.flush()
        print([s.name for s in memory.kept()])
        """
    )
    assert (joined.stdout.strip(), joined.stderr) == ("['invoke_workflow p', 'theirs']", "")
    own = run_python(
        """
        import quarterdeck as qd
        from quarterdeck.testing import MemorySpans
        memory = MemorySpans()
        qd.init("", exporters=[memory], resource_attributes={"a": "b"})
        with qd.step("s") as step:
            for n in range(1000): step.span.set_attribute(f"k{n}", n)
        qd.flush()
        (span,) = memory.kept()
        r = span.resource.attributes
        print(len(span.attributes) > 1000, r["service.name"], r["a"], r["quarterdeck.provider.stand_in"])
        """,
        OTEL_RESOURCE_ATTRIBUTES="quarterdeck.provider.stand_in=true,service.name=from-env",
    )
    assert (own.stdout.strip(), own.stderr) == ("True from-env b true", "")


def test_a_program_that_just_ends_has_sent_everything(receiver: Receiver, collector: str) -> None:
    done = run_python(
        """
        import os, time
        import quarterdeck as qd
        qd.init()
        @qd.pipeline
        def p(n):
            if n: time.sleep(0.5)
        p(1)
        child = os.fork()
        p(0)
        if child: os.waitpid(child, 0)
        """,
        QUARTERDECK_ENDPOINT=collector,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert len(receiver.spans()) == 3
    assert len({span["attributes"][semconv.RUN_ID] for span in receiver.spans()}) == 3
    assert [event["event"] for event in receiver.records(semconv.LIVE_SCOPE)] == [
        semconv.EVENT_PIPELINE_STARTED,
        semconv.EVENT_PIPELINE_COMPLETED,
    ]


def test_a_program_without_a_collector_ends_at_once_with_one_line() -> None:
    began = time.monotonic()
    done = run_python(
        """
        import quarterdeck as qd
        qd.init("http://127.0.0.1:9")
        @qd.pipeline
        def p(): print("done")
        p()
        """
    )
    assert time.monotonic() - began < 15
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot deliver telemetry" in done.stderr


def test_the_programs_own_logging_is_as_it_was() -> None:
    done = run_python(
        """
        import logging
        import quarterdeck as qd
        qd.init("http://127.0.0.1:9")
        logging.getLogger("app").warning("printed by the handler of last resort")
        logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
        logging.getLogger("app").info("formatted")
        logging.makeLogRecord({"msg": "made by hand", "levelno": 20, "name": "x"})
        """
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[:2] == ["printed by the handler of last resort", "INFO formatted"]


def test_without_init_decorated_functions_just_work_and_use_whatever_tracer_exists() -> None:
    done = run_python(
        """
        import quarterdeck as qd
        @qd.pipeline
        def p():
            with qd.step("s"): return 1
        assert p() == 1
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from quarterdeck.testing import MemorySpans
        memory = MemorySpans()
        theirs = TracerProvider(); theirs.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(theirs)
        assert p() == 1
        print([s.name for s in memory.kept()])
        assert qd.flush(); qd.shutdown()
        """
    )
    assert (done.stdout.strip(), done.stderr) == ("['invoke_workflow p', 'step s']", "")


def test_shutdown_and_init_again_moves_to_the_new_collector(receiver: Receiver, collector: str) -> None:
    second = Receiver()
    with serve(second.app()) as other:
        qd.init(collector)
        inner()
        qd.shutdown()
        inner()
        qd.init(other)
        inner()
        qd.shutdown()
    assert (len(receiver.spans()), len(second.spans())) == (1, 1)
    assert isinstance(trace.get_tracer_provider(), TracerProvider)

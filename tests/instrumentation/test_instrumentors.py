"""What is patched and put back: everything, one client, and by ``opentelemetry-instrument``."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types

import quarterdeck as qd
from quarterdeck import providers, semconv
from quarterdeck.testing import Recording
from support.otlp_receiver import Receiver

CLAUDE, GEMINI = "claude-opus-5-5", "gemini-3.8-flash"
REPOSITORY = Path(__file__).parents[2]

PROGRAM = """
import sys
import anthropic
from google import genai

client = anthropic.Anthropic(api_key="k", base_url=sys.argv[1])
client.messages.create(model="claude-opus-5-5", max_tokens=9, messages=[{"role": "user", "content": "[[say:Hi]]"}])
client = genai.Client(api_key="k", http_options={"base_url": sys.argv[1]})
client.models.generate_content(model="gemini-3.8-flash", contents="[[say:Hi]]")
"""


@pytest.fixture(autouse=True)
def _nothing_patched() -> Iterator[None]:
    providers.uninstrument()
    yield
    qd.instrument()


def claude(stand_in: str, *, spans: bool) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url=stand_in, open_telemetry=None if spans else False)


def gemini(stand_in: str) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in))


def ask_claude(client: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": "[[say:Hi]]"}]
    client.messages.create(model=CLAUDE, max_tokens=9, messages=messages)


def ask_gemini(client: genai.Client) -> None:
    client.models.generate_content(model=GEMINI, contents="[[say:Hi]]")


def observed(telemetry: Recording) -> list[str]:
    return [span["name"] for span in telemetry.normal_spans() if semconv.OUTPUT_MESSAGES in span["attributes"]]


def test_after_uninstrument_no_client_is_observed(telemetry: Recording, stand_in: str) -> None:
    qd.instrument()
    clients = [claude(stand_in, spans=True), claude(stand_in, spans=False)]
    other = gemini(stand_in)
    providers.uninstrument()
    for client in [*clients, claude(stand_in, spans=True)]:
        ask_claude(client)
        client.close()
    ask_gemini(other)
    assert observed(telemetry) == []


@pytest.mark.parametrize("spans", [True, False])
def test_one_claude_client_is_observed_and_others_are_not(telemetry: Recording, stand_in: str, *, spans: bool) -> None:
    with claude(stand_in, spans=spans) as one, claude(stand_in, spans=spans) as other:
        qd.instrument(one)
        qd.instrument(one)
        ask_claude(other)
        assert observed(telemetry) == []
        ask_claude(one)
        assert observed(telemetry) == [f"chat {CLAUDE}"]
        qd.instrument()
        ask_claude(one)
        assert observed(telemetry) == [f"chat {CLAUDE}"] * 2


async def test_one_gemini_client_is_observed_and_others_are_not(telemetry: Recording, stand_in: str) -> None:
    one, other = gemini(stand_in), gemini(stand_in)
    qd.instrument(one)
    qd.instrument(one)
    ask_gemini(other)
    assert observed(telemetry) == []
    ask_gemini(one)
    await one.aio.chats.create(model=GEMINI).send_message("[[say:Hi]]")
    assert observed(telemetry) == [f"generate_content {GEMINI}"] * 2
    qd.instrument()
    ask_gemini(one)
    assert observed(telemetry) == [f"generate_content {GEMINI}"] * 3
    await one.aio.aclose()


def test_a_client_of_an_unknown_package_is_refused_with_advice(caplog: pytest.LogCaptureFixture) -> None:
    qd.instrument(object())
    assert caplog.messages == [
        "cannot observe a client of builtins: use any OpenTelemetry instrumentation of that package"
    ]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The entry points of pyproject.toml as an installation declares them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    folder = tmp_path / f"quarterdeck-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: quarterdeck\nVersion: {project['version']}\n")
    declared = project["entry-points"]["opentelemetry_instrumentor"]
    lines = ["[opentelemetry_instrumentor]", *(f"{name} = {target}" for name, target in declared.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_opentelemetry_instrument_observes_a_program_that_knows_nothing_of_us(
    receiver: Receiver, collector: str, stand_in: str, installed: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), *sys.path]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "anthropic,google_genai",  # OpenInference's
    }
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "-c", PROGRAM, stand_in]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {
        span["name"]: span["attributes"][semconv.RESPONSE_FINISH_REASONS]
        for span in receiver.spans()
        if semconv.OPERATION_NAME in span["attributes"]
    } == {f"chat {CLAUDE}": ["stop"], f"generate_content {GEMINI}": ["stop"]}


def test_the_sdk_itself_needs_no_instrumentation_package() -> None:
    code = (
        "import sys, quarterdeck as qd, anthropic; qd.init(''); print('opentelemetry.instrumentation' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False", "")

import json
import logging
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.capture import Capture, from_environment
from quarterdeck.testing import recording

MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "parts": [{"type": "text", "content": "secret plan"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": "secret"}}]},
]


def test_full_keeps_hash_keeps_the_shape_off_keeps_nothing() -> None:
    assert Capture("full").messages(MESSAGES) == json.dumps(MESSAGES, separators=(",", ":"))
    hashed = Capture("hash").messages(MESSAGES)
    assert hashed is not None
    assert "secret" not in hashed
    assert [message["role"] for message in json.loads(hashed)] == ["user", "assistant"]
    assert json.loads(hashed)[0]["parts"][0]["content"].endswith("(11 bytes)")
    assert Capture("off").messages(MESSAGES) is None
    assert Capture("off").value(1) is None


def test_off_leaves_inputs_and_outputs_out_of_spans() -> None:
    @qd.pipeline(config={"k": "secret"})
    def run(text: str) -> str:
        return text

    for mode, keys in (("off", set[str]()), ("hash", {semconv.RUN_INPUT, semconv.RUN_OUTPUT, semconv.PIPELINE_CONFIG})):
        with recording(capture=mode) as telemetry:  # type: ignore[arg-type] # the loop hides that these are modes
            run("secret")
            attributes = telemetry.normal_spans()[0]["attributes"]
        payloads = {semconv.RUN_INPUT, semconv.RUN_OUTPUT, semconv.PIPELINE_CONFIG}
        assert payloads & set(attributes) == keys
        assert "secret" not in json.dumps(attributes)


@pytest.mark.parametrize(
    ("own", "otel", "mode"),
    [
        ("", "", "full"),
        ("hash", "", "hash"),
        ("OFF", "true", "off"),
        ("", "false", "off"),
        ("", "NO_CONTENT", "off"),
        ("full", "false", "full"),
        ("everything", "", "off"),
    ],
)
def test_the_environment_decides_and_a_typing_error_is_safe(
    own: str, otel: str, mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUARTERDECK_CAPTURE", own)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", otel)
    with caplog.at_level(logging.WARNING, "quarterdeck"):
        assert from_environment().mode == mode
    assert len(caplog.records) == (own == "everything")

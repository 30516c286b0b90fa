import json

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

import quarterdeck as qd
from quarterdeck import config, semconv
from quarterdeck.redaction import Redactor, scrub
from quarterdeck.testing import Recording

ANTHROPIC = "sk-ant-api03-abcdefghijklmnop"
GOOGLE = "AIza" + "x" * 35
OPENAI = "sk-proj-" + "a1" * 12
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key={ANTHROPIC}!", "key=[redacted:anthropic_key]!"),
        (f'{{"k":"{GOOGLE}"}}', '{"k":"[redacted:google_key]"}'),
        (OPENAI, "[redacted:api_key]"),
        (f"a {PEM} b", "a [redacted:private_key] b"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: [redacted:bearer]"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted:aws_key]"),
        ("ghp_" + "a" * 36, "[redacted:github_token]"),
        ("a task-force of sk-aters, the bearer of news", "a task-force of sk-aters, the bearer of news"),
        ("risk-assessment-of-the-whole-pipeline-run", "risk-assessment-of-the-whole-pipeline-run"),
    ],
)
def test_secrets_of_every_known_kind_are_replaced_and_words_are_not(text: str, clean: str) -> None:
    assert scrub(text) == clean


def test_clean_attributes_come_back_as_the_same_object() -> None:
    attributes = {"a": "text", "b": ["x", "y"], "c": 1}
    assert Redactor().attributes(attributes) is attributes
    assert Redactor().attributes({"a": [OPENAI, "x"], "b": {"c": OPENAI}}) == {
        "a": ["[redacted:api_key]", "x"],
        "b": {"c": "[redacted:api_key]"},
    }


def test_nothing_secret_leaves_through_any_span_or_event_or_log(telemetry: Recording) -> None:
    import logging

    @qd.pipeline
    def leaky(key: str) -> str:
        with trace.get_tracer("theirs").start_as_current_span("their span", attributes={"list": [key]}) as span:
            span.add_event("their event", {"key": key})
            span.set_status(Status(StatusCode.ERROR, f"bad {key}"))
        logging.getLogger("app").warning("using %s", key)
        raise ValueError(key)

    with pytest.raises(ValueError, match=ANTHROPIC):
        leaky(ANTHROPIC)

    texts = [json.dumps(telemetry.logs(), default=str), *(span.to_json() for span in telemetry.spans())]
    assert len(texts) == 3
    for text in texts:
        assert ANTHROPIC not in text
        assert "[redacted:anthropic_key]" in text


def test_a_users_hook_sees_every_text_and_a_broken_one_withholds_it(telemetry: Recording) -> None:
    config.on_redact(lambda name, text: "***" if name == semconv.STEP_INPUT else text.replace("Bob", "B."))

    @qd.step
    def greet(name: str) -> str:
        return f"Hello {name}"

    greet("Bob")
    attributes = telemetry.normal_spans()[0]["attributes"]
    assert attributes[semconv.STEP_INPUT] == "***"
    assert attributes[semconv.STEP_OUTPUT] == '"Hello B."'


def test_a_broken_hook_withholds_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from quarterdeck.guard import Switch

    monkeypatch.setattr(Switch, "reraise", False)
    redactor = Redactor()
    redactor.hooks.append(lambda _name, _text: str(1 / 0))
    assert redactor.text("a", "secret") == "[redacted: the redaction hook failed]"

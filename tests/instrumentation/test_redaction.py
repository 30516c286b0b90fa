import json

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

import quarterdeck as qd
from quarterdeck import config, semconv
from quarterdeck.redaction import Redactor, rules_from, rules_of_environment, scrub
from quarterdeck.settings import ConfigError
from quarterdeck.testing import MemorySpans, Recording

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


def streamed(redactor: Redactor, pieces: list[str]) -> str:
    """What is told of a stream, piece by piece, as the live channel does."""
    told, waiting = [], ""
    for piece in pieces:
        waiting += piece
        end = redactor.unfinished(waiting)
        told.append(redactor.text("chunk", waiting[:end]))
        waiting = waiting[end:]
    return "".join([*told, redactor.text("chunk", waiting)])


STREAMED = {
    "anthropic_key": ANTHROPIC,
    "google_key": GOOGLE,
    "google_token": "ya29." + "a-B." * 8,
    "api_key": OPENAI,
    "private_key": PEM,
    "bearer": "Bearer abcdefghijklmnop1234",
    "aws_key": "AKIAIOSFODNN7EXAMPLE",
    "github_token": "ghp_" + "a" * 36,
    "slack_token": "xoxb-1234567890-abc",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXg",
    "quarterdeck_token": "qdt_" + "a1" * 10,
}


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("around", ["say {} now", '{{"a":"\\n{}"}}', "({}), the bearer of A"])
def test_a_secret_cut_in_two_anywhere_in_a_stream_is_still_found(kind: str, around: str) -> None:
    redactor = Redactor()
    text = around.format(STREAMED[kind])
    whole = redactor.text("chunk", text)
    assert f"[redacted:{kind}]" in whole
    for cut in range(len(text)):
        assert streamed(redactor, [text[:cut], text[cut:]]) == whole
    assert streamed(redactor, list(text)) == whole


def test_ordinary_words_do_not_wait_and_none_is_taken_for_a_secret() -> None:
    redactor = Redactor()
    text = "a risk-assessment-of-the-whole-pipeline-run, task-force, the bearer of news ---\n- item\n"
    assert streamed(redactor, list(text)) == text
    assert redactor.unfinished("The lighthouse keeper went out ") == 31
    assert redactor.unfinished("The lighthouse keep") == 15  # the word may go on: "keepsk-…" is none, "keep sk-…" is
    assert redactor.unfinished("ab" * 100) == 168


def test_a_stream_that_never_ends_its_word_is_not_held_for_ever() -> None:
    endless = "sk-" + "a" * 50_000
    assert Redactor().unfinished(endless) > 30_000


def test_mail_addresses_and_cards_are_removed_where_asked_for_in_streams_too(telemetry: Recording) -> None:
    text = "write to ann.b@example.co.uk or pay with 4111 1111 1111 1111 today"
    redactor = Redactor()
    assert redactor.text("a", text) == text
    redactor.rules = rules_from(["email", "card"])
    clean = "write to [redacted:email] or pay with [redacted:card] today"
    assert streamed(redactor, list(text)) == clean
    with qd.step("s", input=text.encode()):
        pass
    assert len(telemetry.spans()) == 1


def test_init_takes_rules_and_hooks_and_refuses_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemorySpans()
    qd.init("", exporters=[memory], redact=["email", lambda _name, text: text.replace("Bob", "B.")])
    with qd.step("mail", input=f"Bob <bob@example.com> {OPENAI}"):
        pass
    qd.flush()
    (span,) = memory.kept()
    assert (span.attributes or {})[semconv.STEP_INPUT] == f'"B. <[redacted:email]> {OPENAI}"'
    for wrong in ("email", ["phone"], [1]):
        with pytest.raises(ConfigError, match=r"redact"):
            qd.init(redact=wrong)  # type: ignore[arg-type] # the wrong type is the test
    monkeypatch.setenv("QUARTERDECK_REDACT", "email, card")
    assert rules_of_environment() == ("email", "card")
    monkeypatch.setenv("QUARTERDECK_REDACT", "everything")
    assert rules_of_environment() == ("secrets", "email", "card")
    monkeypatch.setenv("QUARTERDECK_REDACT", "none")
    assert rules_of_environment() == ()


def test_bytes_are_searched_too() -> None:
    assert Redactor().value("a", f"key {OPENAI}".encode()) == b"key [redacted:api_key]"
    raw = bytes(range(256))
    assert Redactor().value("a", raw) is raw

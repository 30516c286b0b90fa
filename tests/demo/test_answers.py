"""What the stand-in answers when nothing dictates it."""

import json
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_runner.demo.provider import tokens
from quarterdeck_runner.demo.provider.exchange import Request
from quarterdeck_runner.demo.provider.responder import respond

EXAMPLES = Path(__file__).parents[2] / "examples"
INCIDENT = (EXAMPLES / "documents" / "incident-2026-10-14.md").read_text(encoding="utf-8")


def answer(prompt: str, schema: dict[str, Any] | None = None, system: str = "") -> str:
    return respond(Request("claude-sonnet-5-5", system, (("user", prompt),), 0, schema=schema))


def test_an_answer_is_made_of_the_prompt_and_always_the_same() -> None:
    prompt = f"Summarise this report.\n\n{INCIDENT}"
    said = answer(prompt)
    assert said == answer(prompt)
    assert 60 <= tokens.count(said) <= 400
    lines = [line.removeprefix("- ") for line in said.splitlines() if line]
    assert all(line in INCIDENT for line in lines[1:])
    assert answer(f"Summarise this report.\n\n{INCIDENT[:1500]}") != said


def test_the_instruction_steers_the_form() -> None:
    tagged = f"<report>\n{INCIDENT}\n</report>"
    assert answer(f"Draft a briefing.\n{tagged}").startswith("# Briefing: ")
    assert answer(f"Extract the facts.\n{tagged}").startswith("- ")
    assert answer(f"Review it.\n{tagged}").startswith("## Review: Incident report")
    assert answer(f"Translate it into Norwegian.\n{tagged}").startswith("(The stand-in cannot translate into Norwegian")
    mail = "From: Marta Colin <m@mail.example>\nSubject: Two payments\n\nI was charged twice. Please refund the second."
    assert answer(f"Reply to it.\n<mail>\n{mail}\n</mail>").startswith("Hello Marta,")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("My card was charged twice, please refund the second payment.", "billing"),
        ("The page shows an error and then it crashes.", "bug"),
        ("It would be nice to add a dark mode, just an idea.", "feature"),
    ],
)
def test_a_classification_takes_one_of_the_labels(text: str, label: str) -> None:
    said = answer(f"Classify the mail as one of: billing, bug, feature.\n<mail>{text}</mail>")
    assert said.startswith(f"**{label}**")
    schema = {"type": "object", "properties": {"topic": {"enum": ["billing", "bug", "feature"]}}}
    assert json.loads(respond(_json(f"Classify the mail.\n<mail>{text}</mail>", schema))) == {"topic": label}


def test_json_fits_every_part_of_a_schema() -> None:
    schema = {
        "$defs": {"Step": {"type": "object", "properties": {"owner": {"type": "string"}, "due": {"type": "string"}}}},
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "summary": {"type": "string"},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "minItems": 2, "maxItems": 3},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "count": {"type": "integer"},
            "open": {"type": "boolean"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "kind": {"const": "incident"},
        },
    }
    said = json.loads(respond(_json(f"Extract it.\n<report>{INCIDENT}</report>", schema)))
    assert {key: type(value).__name__ for key, value in said.items()} == {
        "title": "str",
        "summary": "str",
        "steps": "list",
        "confidence": "float",
        "count": "int",
        "open": "bool",
        "note": "str",
        "kind": "str",
    }
    assert (said["title"], said["kind"]) == ("Incident report: checkout latency, 14 October 2026", "incident")
    assert 2 <= len(said["steps"]) <= 3
    assert all(step.keys() == {"owner", "due"} for step in said["steps"])
    assert 0 <= said["confidence"] <= 1


def test_json_asked_for_in_words_has_the_keys_named() -> None:
    asked = 'Extract the changes. Answer with JSON only: {"changes": ["…"], "score": 1, "summary": "…"}'
    said = json.loads(answer(f"{asked}\n<report>{INCIDENT}</report>"))
    assert {key: type(value).__name__ for key, value in said.items()} == {
        "changes": "list",
        "score": "int",
        "summary": "str",
    }


def test_every_revision_earns_a_better_score_until_nothing_is_missing() -> None:
    facts = f"<facts>{INCIDENT}</facts>"
    draft = answer(f"Draft a briefing from the facts.\n{facts}")
    scores, issues = [], [""]
    for _ in range(4):
        asked = f'Critique the draft. JSON: {{"score": 1, "issues": ["…"]}}\n{facts}\n<draft>{draft}</draft>'
        verdict = json.loads(answer(asked))
        scores.append(verdict["score"])
        issues = verdict["issues"]
        draft = answer(f"Revise it.\n{facts}\n<draft>{draft}</draft>\n<issues>{'; '.join(issues)}</issues>")
    assert scores == sorted(scores)
    assert scores[0] < 8 <= scores[-1]
    assert issues == []


@pytest.mark.parametrize(
    "prompt", ["", "Hi", "?", "<a></a>", "[]", '{"a": 1}', "Revise it.", "Critique:\n\n\n", "日本語の文章。"]
)
def test_any_prompt_gets_an_answer(prompt: str) -> None:
    assert isinstance(answer(prompt), str)
    assert json.loads(respond(_json(prompt, {"type": "object", "properties": {"score": {"type": "integer"}}})))


@pytest.mark.parametrize("sizes", [(1,), (2, 3)])
def test_pieces_make_the_text_again(sizes: tuple[int, ...]) -> None:
    text = "  One two\n\nthree   four.\n- five\n"
    assert "".join(tokens.grouped(text, sizes)) == text
    assert "".join(tokens.single(text)) == text
    assert tokens.grouped("one two three", (2,)) == ["one two", " three"]


def _json(prompt: str, schema: dict[str, Any]) -> Request:
    return Request("gemini-3.8-flash", "", (("user", prompt),), 0, wants_json=True, schema=schema)

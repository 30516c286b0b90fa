"""Answers in prose and Markdown."""

import re
from collections.abc import Callable, Iterable

from quarterdeck_runner.demo.provider.responder import labels, text
from quarterdeck_runner.demo.provider.responder.material import Material

_STEP = re.compile(r"\b(?:will|should|must|plans?|next|action|owner|agreed|needs? to|due)\b", re.IGNORECASE)
_OPEN = re.compile(r"\?|\b(?:unclear|unknown|open|whether|risk|concern|not yet|undecided|could not)\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"\b(?:to|into|in)\s+(?P<language>[A-Z][a-z]{3,})")
_OUT_OF = 10


def write(material: Material) -> str:
    """Compose the text that the instruction asks for."""
    return _FORMS[material.intent](material)


def plan(material: Material) -> str:
    """Say how the answer will be made."""
    terms = ", ".join(text.keywords(material.sentences, 4))
    if not terms:
        return "The request is short and brings no material. I answer it directly."
    lead = material.facts[0]
    lines = [
        f"The request is to {material.intent}. Sentences in the material: {len(material.sentences)}.",
        f"Terms that recur: {terms}.",
        f"The strongest statement is: “{lead}” I lead with it and keep to what the material says.",
    ]
    if material.draft and material.missing:
        lines.append(f"The draft tells {len(material.covered)} of {len(material.facts)} main facts.")
    return " ".join(lines)


def score(material: Material) -> int:
    """The grade of a draft, 1 to 10."""
    return max(1, round(_OUT_OF * (0.3 + 0.7 * material.score)))


def _draft(material: Material) -> str:
    main = material.facts[:6]
    steps = [line for line in main if _STEP.search(line)]
    questions = [line for line in main if _OPEN.search(line) and line not in steps]
    points = [line for line in main if line not in steps + questions]
    lead, body = (points or main)[:2], points[2:]
    sections = [f"# {material.title}", " ".join(text.in_order(lead, material.sentences))]
    sections += _section("Key points", text.in_order(body, material.sentences))
    sections += _section("Next steps", [line for line in steps if line not in lead])
    sections += _section("Open questions", [line for line in questions if line not in lead])
    return "\n\n".join(sections)


def _revise(material: Material) -> str:
    """The draft with the facts that it left out, those that the remarks name first."""
    if not material.draft:
        return _draft(material)
    named = [fact for fact in material.missing if text.covers(material.remarks, fact)]
    added = (named + [fact for fact in material.missing if fact not in named])[:3]
    lines = material.draft.strip().splitlines()
    at = _end_of_first_list(lines)
    gap = [] if at and lines[at - 1].startswith("- ") else [""]
    return "\n".join([*lines[:at], *gap, *_bullets(added), *lines[at:]]).strip()


def _end_of_first_list(lines: list[str]) -> int:
    inside = False
    for number, line in enumerate(lines):
        if inside and not line.startswith("- "):
            return number
        inside = line.startswith("- ")
    return len(lines)


def _critique(material: Material) -> str:
    if not material.judges:
        return _findings(material)
    grade = score(material)
    sections = [f"**Score: {grade}/{_OUT_OF}**"]
    sections += _section("What works", [f"Tells that {_inside(line)}" for line in material.covered[:2]])
    sections += _section("Issues", [f"Leaves out: {line}" for line in material.missing[:3]])
    verdict = "Ready to send." if grade >= 8 else "Revise: add the facts above, keep the length."  # noqa: PLR2004 - 8 of 10 is good
    return "\n\n".join([*sections, verdict])


def _findings(material: Material) -> str:
    """A review of a text that stands alone: what it says, and what it leaves open."""
    concerns = [line for line in material.facts if _OPEN.search(line)] or material.facts[-2:]
    sections = [f"## Review: {material.title}", material.facts[0]]
    sections += _section("Findings", [line for line in material.facts[1:6] if line not in concerns])
    sections += _section("Concerns", concerns[:4])
    return "\n\n".join(sections)


def _summary(material: Material) -> str:
    lead = text.in_order(material.facts[:3], material.sentences)
    points = text.in_order(material.facts[3:7], material.sentences)
    return "\n\n".join([" ".join(lead), *(["\n".join(_bullets(points))] if points else [])])


def _extraction(material: Material) -> str:
    return "\n".join(_bullets(text.in_order(material.facts[:9], material.sentences)))


def _classification(material: Material) -> str:
    options = labels.options_in(material.instruction)
    chosen = labels.choose(options, material.source) if options else ", ".join(text.keywords(material.sentences, 2))
    return f"**{chosen}**\n\nThe deciding sentence: “{material.facts[0]}”"


def _translation(material: Material) -> str:
    """A translation sentence by sentence would need a model: say so, and keep the wording."""
    language = _LANGUAGE.search(material.instruction)
    wanted = language["language"] if language else "the other language"
    note = f"(The stand-in cannot translate into {wanted}; these are the main sentences as written.)"
    return "\n\n".join([note, *text.in_order(material.facts[:6], material.sentences)])


def _reply(material: Material) -> str:
    """A letter: what was read, and what the rest of the material says about it."""
    mail = next((block for block in material.blocks.values() if "from" in text.fields(block)), material.source)
    own, fields = text.sentences(mail), text.fields(mail)
    heart = text.ranked(own)[:2]
    others = [line for line in material.sentences if line not in own]
    advice = text.ranked(others, set(text.words(mail)))[:2] or [
        line for line in text.ranked(own)[2:5] if "?" not in line
    ]
    name = fields.get("from", "").split("<")[0].split(",")[0].strip().split(" ")[0] or "there"
    parts = [f"Hello {name},", f"thank you for writing about “{fields.get('subject', material.title)}”. You write:"]
    parts += ["\n".join(f"> {line}" for line in text.in_order(heart, own))] if heart else []
    parts += ["What we take from it:", "\n".join(_bullets(advice))] if advice else []
    return "\n\n".join([*parts, "We are on it and will write again as soon as we know more.", "Kind regards"])


def _answer(material: Material) -> str:
    return " ".join(text.in_order(material.facts[:5], material.sentences))


_FORMS: dict[str, Callable[[Material], str]] = {
    "revise": _revise,
    "critique": _critique,
    "translate": _translation,
    "classify": _classification,
    "reply": _reply,
    "extract": _extraction,
    "summarise": _summary,
    "draft": _draft,
    "answer": _answer,
}


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    bullets = _bullets(lines)
    return [f"## {heading}", "\n".join(bullets)] if bullets else []


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _inside(sentence: str) -> str:
    """A sentence as part of another."""
    first = sentence.split(" ", 1)[0]
    return sentence if first.isupper() or first[0].isdigit() else sentence[0].lower() + sentence[1:]

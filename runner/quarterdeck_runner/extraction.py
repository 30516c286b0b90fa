"""What ``claude_extract`` takes out of an answer: plain patterns over its text."""

import re
from collections.abc import Callable
from typing import Any, Final

from quarterdeck_runner.scope import Record, parsed_json
from quarterdeck_runner.spec import Extraction
from quarterdeck_runner.template import as_text

_CODE: Final = re.compile(r"```([\w+-]*)[^\n]*\n(.*?)```", re.DOTALL)
_LINK: Final = re.compile(r"https?://[^\s<>()\[\]\"'`]+")
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(\S.*)$", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_ADVICE: Final = re.compile(r"\b(should|recommend|suggest|consider|must|need to|advise)", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?]?")


def extracted(text: str, wanted: Extraction) -> Record:
    """Bring an answer into the shape that a step asks for.

    Args:
        text: the answer.
        wanted: format and post-processing.

    Returns:
        The fields of the step's record that change.
    """
    found = {_KEYS[name]: _PROCESSORS[name](text, wanted) for name in wanted.post_processing}
    shaped = _shaped(text, wanted)
    record: Record = {"text": shaped if isinstance(shaped, str) else as_text(shaped)}
    if found or not isinstance(shaped, str):
        own = shaped if isinstance(shaped, dict) else {"content": shaped}
        record["data"] = {**own, **found}
    if wanted.include_metadata:
        record["extraction_metadata"] = {
            "format": wanted.format,
            "post_processing": list(wanted.post_processing),
            "characters": len(text),
            "words": len(text.split()),
        }
    return record


def _shaped(text: str, wanted: Extraction) -> Any:
    if wanted.format == "json":
        found = parsed_json(text)
        return {"content": text} if found is None else found
    if wanted.format == "structured":
        return {"content": text, "headings": _HEADING.findall(text), "key_points": _points(text, wanted)}
    if wanted.format == "summary":
        return _summary(text, wanted)
    return _markdown(text, wanted) if wanted.format == "markdown" else text


def _code(text: str, _: Extraction) -> list[dict[str, str]]:
    return [{"language": language, "code": code.rstrip("\n")} for language, code in _CODE.findall(text)]


def _points(text: str, _: Extraction) -> list[str]:
    return [item.strip() for item in _ITEM.findall(_CODE.sub("", text))]


def _advice(text: str, wanted: Extraction) -> list[str]:
    plain = _CODE.sub("", text)
    items = _points(text, wanted) or [sentence.strip() for sentence in _SENTENCE.findall(plain)]
    return [item for item in items if _ADVICE.search(item)]


def _links(text: str, _: Extraction) -> list[str]:
    return list(dict.fromkeys(link.rstrip(".,;:!?") for link in _LINK.findall(text)))


def _markdown(text: str, _: Extraction) -> str:
    """One blank line between blocks, none at the ends, no blanks at the ends of lines."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines)


def _summary(text: str, wanted: Extraction) -> str:
    """Whole sentences from the beginning, as many as fit."""
    plain = " ".join(_CODE.sub("", text).split())
    if len(plain) <= wanted.max_summary_length:
        return plain
    cut = plain[: wanted.max_summary_length]
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? "))
    return cut[: end + 1] if end > 0 else f"{cut[:-1].rstrip()}…"


_KEYS: Final = {
    "extract_code_blocks": "code_blocks",
    "extract_recommendations": "recommendations",
    "extract_links": "links",
    "extract_key_points": "key_points",
    "format_markdown": "markdown",
    "generate_summary": "summary",
}
_PROCESSORS: Final[dict[str, Callable[[str, Extraction], Any]]] = {
    "extract_code_blocks": _code,
    "extract_recommendations": _advice,
    "extract_links": _links,
    "extract_key_points": _points,
    "format_markdown": _markdown,
    "generate_summary": _summary,
}

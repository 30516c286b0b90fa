"""Words, sentences and their rank."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

_STOP_WORDS = """
    a about after again all also am an and any are as at back be because been before being between both but by can could
    did do does doing down during each few for from further had has have having he her here hers him his how i if in
    into is it its just me more most my no nor not now of off on once only or other our out over own per same she so
    some such than that the their them then there these they this those through to too under until up us very was we
    were what when where which while who whom why will with within would you your may might shall
    one two three four five six seven eight nine ten
    january february march april june july august september october november december
"""
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*[A-Za-z]|[A-Za-z]|\d[\d.,:%]*\d|\d")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]?\s+(?=[A-Z0-9\"“(*])")
_HEADING = re.compile(r"^#{1,6}\s+(.*)$")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")
_FIELD = re.compile(r"^\*{0,2}([A-Z][\w /-]{0,24}?)\*{0,2}:\*{0,2}\s+(\S.{0,80})$")
_RULE = re.compile(r"^[\s|:*=_-]*$|^```")
_FEWEST_WORDS = 4
_SHORT_LINE = 60
_PUNCTUATION = (".", "!", "?", ",", ";", ":", '"', "”", ")")


def words(text: str) -> list[str]:
    """Content words of ``text``, lower case, plural endings off, stop words left out."""
    lowered = (match.lower() for match in _WORD.findall(text))
    return [_stem(word) for word in lowered if word not in _STOP and (len(word) > 1 or word.isdigit())]


def sentences(text: str) -> list[str]:
    """Sentences of a text or of the strings in a JSON value, each once, in order; headings and fields left out."""
    found: dict[str, None] = {}
    for paragraph in _paragraphs(flat(text)):
        for sentence in _SENTENCE_END.split(paragraph):
            clean = sentence.replace("**", "").replace("`", "").strip()
            if len(clean.split()) >= _FEWEST_WORDS:
                found.setdefault(clean)
    return list(found)


def headings(text: str) -> list[str]:
    """Markdown headings of ``text``."""
    return [match[1].strip() for line in text.splitlines() if (match := _HEADING.match(line))]


def fields(text: str) -> dict[str, str]:
    """Lines such as ``From: Ada``, by lower-case name."""
    return {match[1].lower(): match[2].strip() for line in text.splitlines() if (match := _FIELD.match(line))}


def ranked(lines: Sequence[str], wanted: AbstractSet[str] = frozenset()) -> list[str]:
    """The sentences, the most telling first: those whose words recur; figures and wanted words count more."""
    frequency = Counter(word for line in lines for word in set(words(line)))

    def score(line: str) -> float:
        own = set(words(line))
        figures = 1.5 * any(character.isdigit() for character in line)
        asked = 12 * sum(1 / frequency[word] for word in own & wanted)
        return (sum(frequency[word] for word in own) + figures + asked) / (len(own) + 8)

    return sorted(lines, key=lambda line: (-score(line), lines.index(line)))


def keywords(lines: Iterable[str], count: int) -> list[str]:
    """The words that recur most in the sentences."""
    frequency = Counter(word for line in lines for word in words(line) if not word[0].isdigit())
    return [word for word, _ in sorted(frequency.items(), key=lambda item: (-item[1], item[0]))[:count]]


def in_order(chosen: Iterable[str], lines: Sequence[str]) -> list[str]:
    """The chosen sentences in the order of the text."""
    return sorted(chosen, key=lines.index)


def covers(text: str, sentence: str) -> bool:
    """Whether ``text`` says most of what ``sentence`` says."""
    wanted = set(words(sentence))
    return len(wanted & set(words(text))) >= 0.7 * len(wanted)


def _stem(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))  # noqa: PLR2004 - not "gas"
    return word[:-1] if plural else word


def _paragraphs(text: str) -> list[str]:
    """Stretches of running text: list items, and lines that stand alone such as titles, are their own."""
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        if _HEADING.match(line) or _RULE.match(line) or _FIELD.match(line):
            paragraphs.append([])
        elif _BULLET.match(line):
            paragraphs.append([_BULLET.sub("", line).strip()])
        else:
            paragraphs[-1].append(line.strip(" |").replace(" | ", ", "))
        if len(line) < _SHORT_LINE and not line.rstrip().endswith(_PUNCTUATION):
            paragraphs.append([])
    return [" ".join(lines) for lines in paragraphs if lines]


def flat(text: str) -> str:
    """A JSON text as its strings, one a paragraph; any other text as it is."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return text
    try:
        return "\n\n".join(_strings(json.loads(stripped)))
    except ValueError:
        return text


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]

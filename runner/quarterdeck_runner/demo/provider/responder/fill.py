"""JSON that fits a schema, filled from the material."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from quarterdeck_runner.demo.provider.responder import labels, prose, text
from quarterdeck_runner.demo.provider.responder.material import Material

Schema = dict[str, Any]

_ITEMS = 5
_KEY = re.compile(r"[\"`'](\w+)[\"`'](?:\s*:\s*(\[|\{|\"[^\"]*\"|\d|true|false))?")
_OR = re.compile(r"\s*(?:,|\||/|\bor\b)\s*")
_DATE = re.compile(
    r"\b(\d{4}-\d{2}-\d{2}|\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*(?: \d{4})?)\b"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NAME = re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b|(?<=[a-z,] )[A-Z][a-z]{2,}\b")
_LOOKED_UP = (
    (("mail",), _EMAIL),
    (("date", "due", "deadline", "when"), _DATE),
    (("owner", "person", "customer", "author", "assignee", "who", "party"), _NAME),
)
_ISSUES = ("issue", "problem", "gap", "missing", "weakness", "suggestion", "improvement")
_SHORT = ("title", "name", "topic", "category", "label", "subject", "heading", "keyword", "tag", "product", "area")


def as_json(schema: Schema, material: Material) -> str:
    """A JSON text that fits the schema."""
    return json.dumps(value(schema, "", material), ensure_ascii=False, indent=2)


def value(schema: Schema, name: str, material: Material) -> Any:
    """A value that fits the schema, for a property of that name."""
    return _Filler(material, schema).fill(schema, name, _Focus(material.facts))


def schema_in(instruction: str) -> Schema:
    """A schema from the keys that an instruction names, such as ``{"score": 1, "issues": ["…"]}``."""
    start, end = instruction.find("{"), instruction.rfind("}")
    shown = instruction[start : end + 1] if 0 <= start < end else instruction
    shapes = {match[1]: _schema_of(match[1], match[2] or "") for match in _KEY.finditer(shown)}
    properties = shapes or {"summary": {"type": "string"}, "points": {"type": "array"}}
    return {"type": "object", "properties": properties}


def _schema_of(key: str, example: str) -> Schema:
    """A schema from an example, such as ``["…"]`` or ``"high, medium or low"``; from the key where there is none."""
    if example.startswith("[") or (not example and key.endswith("s") and not key.endswith("ss")):
        return {"type": "array", "items": {"type": "string"}}
    if example[:1].isdigit() or (not example and _is_grade(key)):
        return {"type": "integer"}
    if example in {"true", "false"}:
        return {"type": "boolean"}
    if example.startswith("{"):
        return {"type": "object"}
    options = [option for option in _OR.split(example.strip('"')) if option]
    return {"enum": options} if len(options) > 1 else {"type": "string"}


class _Focus:
    """Sentences to speak of; each string takes the next one."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        self._turn = count()
        self._taken: set[str] = set()

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    def take(self, most: int, wanted: set[str]) -> list[str]:
        """Lines that no array has had yet, those with wanted words first; all of them again when none is left."""
        left = [line for line in self.lines if line not in self._taken] or self.lines
        taken = sorted(left, key=lambda line: -len(wanted & set(text.words(line))))[:most]
        self._taken.update(taken)
        return taken

    def next_line(self) -> str:
        return self.lines[next(self._turn) % len(self.lines)]


@dataclass
class _Filler:
    material: Material
    root: Schema

    def fill(self, schema: Schema, name: str, focus: _Focus) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return labels.choose(schema["enum"], focus.text)
        kind = str(schema.get("type", "object" if "properties" in schema else "string")).lower()
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, focus),
            "array": lambda: self._array(schema, name, focus),
            "integer": lambda: self._number(schema, name, focus, whole=True),
            "number": lambda: self._number(schema, name, focus, whole=False),
            "boolean": lambda: self._boolean(name, focus),
            "null": lambda: None,
        }
        return makers.get(kind, lambda: self._string(schema, name, focus))()

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            place: Any = self.root
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                place = place[part]
            return self._resolved(place)
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                real = [each for each in schema[key] if each.get("type") != "null"]
                return self._resolved(real[0] if real else schema[key][0])
        if isinstance(schema.get("type"), list):
            real = [each for each in schema["type"] if each != "null"]
            return {**schema, "type": real[0] if real else "null"}
        return schema

    def _object(self, schema: Schema, focus: _Focus) -> dict[str, Any]:
        inner: dict[str, Schema] = schema.get("properties") or {}
        return {key: self.fill(each, key, focus) for key, each in inner.items()}

    def _array(self, schema: Schema, name: str, focus: _Focus) -> list[Any]:
        lines = self._found(name) or self._lines_for(name, focus)
        most = min(int(schema.get("maxItems", _ITEMS)), max(_ITEMS, int(schema.get("minItems", 0))))
        lines = lines[:most]
        while lines and len(lines) < int(schema.get("minItems", 0)):
            lines.append(lines[len(lines) % len(focus.lines)])
        items = schema.get("items") or {"type": "string"}
        singular = name.removesuffix("s")
        return [self.fill(items, singular, _Focus([line])) for line in lines]

    def _found(self, name: str) -> list[str]:
        """Every date, name or address of the material, for an array of such."""
        patterns = [pattern for signs, pattern in _LOOKED_UP if any(sign in name.lower() for sign in signs)]
        return list(dict.fromkeys(patterns[0].findall(self.material.source))) if patterns else []

    def _lines_for(self, name: str, focus: _Focus) -> list[str]:
        if not self.material.judges:
            return focus.take(_ITEMS, set(words_of(name)))
        if any(word in name.lower() for word in _ISSUES):
            return self.material.missing[:3]
        return self.material.covered[:3]

    def _number(self, schema: Schema, name: str, focus: _Focus, whole: bool) -> float:
        lowest = schema.get("minimum")
        highest = schema.get("maximum")
        if _is_grade(name):
            number = self._grade(focus, highest)
        else:
            found = _NUMBER.search(focus.text.replace(",", ""))
            number = float(found[0]) if found else float(len(focus.lines))
        number = max(number, lowest) if lowest is not None else number
        number = min(number, highest) if highest is not None else number
        return round(number) if whole else round(number, 2)

    def _grade(self, focus: _Focus, highest: float | None) -> float:
        """A grade out of ``highest`` (10 when the schema has no maximum): the draft's, else more for more substance."""
        tenths = prose.score(self.material) if self.material.judges else min(10, 4 + len(text.words(focus.text)) // 3)
        return tenths * (10.0 if highest is None else highest) / 10

    def _boolean(self, name: str, focus: _Focus) -> bool:
        if self.material.judges:
            return prose.score(self.material) >= 8  # noqa: PLR2004 - 8 of 10 is good
        return bool(set(words_of(name)) & set(text.words(focus.text)))

    def _string(self, schema: Schema, name: str, focus: _Focus) -> str:
        lowered = name.lower()
        if schema.get("format") in {"date", "date-time"}:
            lowered += " date"
        for signs, pattern in _LOOKED_UP:
            if any(sign in lowered for sign in signs):
                return _first(pattern, focus.text) or _first(pattern, self.material.source) or "not stated"
        if any(lowered.endswith(word) for word in _SHORT):
            return " ".join(text.keywords(focus.lines, 3)) if len(focus.lines) == 1 else self.material.title
        if self.material.judges and any(word in lowered for word in _ISSUES):
            return f"Leaves out: {focus.next_line()}"
        long = any(word in lowered for word in ("summary", "overview", "rationale", "reasoning"))
        return " ".join(focus.lines[:2]) if long else focus.next_line()


def words_of(name: str) -> list[str]:
    """Words of a property's name in snake or camel case."""
    return text.words(re.sub(r"([a-z])([A-Z])", r"\1 \2", name).replace("_", " "))


def _is_grade(name: str) -> bool:
    return any(word in name.lower() for word in ("score", "rating", "grade", "quality", "confidence", "importance"))


def _first(pattern: re.Pattern[str], said: str) -> str:
    match = pattern.search(said)
    return match[0] if match else ""

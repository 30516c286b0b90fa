"""Ready questions: ``.sql`` files that say in their first comments what they answer and what they take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Final

from quarterdeck_console.clickhouse import sql_of
from quarterdeck_console.times import moment

FOLDER: Final = "questions"

_HEAD: Final = re.compile(r"(?:--.*\n)+")
_PARAMETER: Final = re.compile(r"--\s+(?P<name>[a-z_]+)(?P<default>\s=\s?\S*)?\s{2,}(?P<help>.+)")
_SHOWS: Final = re.compile(r"^-- shows: (.+)$", re.MULTILINE)
_PLACE: Final = re.compile(r"\{([a-z_]+):([A-Za-z0-9()]+)\}")
_CHOICES: Final = re.compile(r"\w+(?: \| \w+)+")
_TIMES: Final = frozenset({"since", "until"})
_TRUE: Final = frozenset({"1", "true", "yes"})


class QuestionError(Exception):
    """A question is asked in a way that it cannot be; the message says how it can."""


@dataclass(frozen=True)
class Parameter:
    """One thing that a question takes.

    Args:
        name: its name.
        default: its value if none is given; None if one must be.
        help: what it is, in a sentence.
        type: its ClickHouse type.
    """

    name: str
    default: str | None
    help: str
    type: str

    @property
    def choices(self) -> list[str]:
        """What it may be; empty for anything."""
        found = _CHOICES.match(self.help)
        return found[0].split(" | ") if found else []

    def value(self, text: str) -> Any:
        """Read a value.

        Raises:
            QuestionError: it is none of the choices, no number or no time.
        """
        words = [word.strip() for word in text.split(",") if word.strip()] if self.type.startswith("Array") else [text]
        wrong = [word for word in words if self.choices and word not in self.choices]
        if wrong or not words:
            raise QuestionError(f"{self.name} is {text!r}, not {' or '.join(self.choices)}")
        if self.type.startswith("Array"):
            return words
        if self.type == "Bool":
            return text.lower() in _TRUE
        try:
            if self.name in _TIMES:
                return moment(text)
            return int(text) if "Int" in self.type else text
        except ValueError as error:
            raise QuestionError(f"{self.name}: {error}") from error


@dataclass(frozen=True)
class Question:
    """One ready question."""

    name: str
    sql: str

    @cached_property
    def _head(self) -> str:
        found = _HEAD.match(self.sql)
        return found[0] if found else ""

    @property
    def about(self) -> str:
        """What it answers, in a sentence."""
        return self._head.partition("\n")[0].removeprefix("-- ")

    @property
    def table(self) -> str:
        """Its SQL with the columns that fit on a screen."""
        found = _SHOWS.search(self._head)
        return f"SELECT {found[1]} FROM (\n{self.sql}\n)" if found else self.sql  # noqa: S608 - our own files

    @cached_property
    def parameters(self) -> list[Parameter]:
        """What it takes, in the order of its comments."""
        types = dict(_PLACE.findall(self.sql))
        return [
            Parameter(
                found["name"],
                None if found["default"] is None else found["default"].replace("=", "", 1).strip(),
                found["help"],
                types[found["name"]],
            )
            for found in _PARAMETER.finditer(self._head)
        ]

    def defaults(self) -> dict[str, Any]:
        """Values of what has a default."""
        return {each.name: each.value(each.default) for each in self.parameters if each.default is not None}

    def values(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Read what was given, and take the defaults for the rest.

        Raises:
            QuestionError: a name is unknown, a value is wrong, or one is missing.
        """
        known = {each.name: each for each in self.parameters}
        if unknown := sorted(set(given) - set(known)):
            raise QuestionError(f"{self.name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
        if missing := [each.name for each in self.parameters if each.default is None and each.name not in given]:
            raise QuestionError(f"{self.name} needs {' and '.join(f'--param {name}=…' for name in missing)}")
        return self.defaults() | {name: known[name].value(text) for name, text in given.items()}


def questions() -> dict[str, Question]:
    """Give all ready questions by name."""
    files = sorted(file.name for file in resources.files("quarterdeck_console").joinpath(FOLDER).iterdir())
    names = [name.removesuffix(".sql") for name in files if name.endswith(".sql")]
    return {name: Question(name, sql_of(f"{FOLDER}/{name}")) for name in names}

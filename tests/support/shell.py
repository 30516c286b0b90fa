"""Whether the words of a shell block are words that there are: nothing is started."""

import contextlib
import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from quarterdeck.cli import main

ROOT = Path(__file__).parents[2]
OF_OTHERS = {"docker", "systemctl", "tar", "printf"}
"""Programs whose options are not ours to check; paths into this repository are."""


def unknown_words(block: str, routes: set[tuple[str, str]], variables: set[str]) -> list[str]:
    """What a block says that there is not: commands, options, extras, variables, paths and routes.

    Args:
        block: a shell block.
        routes: method and path of every REST operation, with ``{…}`` for its parameters.
        variables: every environment variable of ours.
    """
    found: list[str] = []
    for line in _commands(block.replace("\\\n", " ")):
        for command in filter(None, map(str.strip, re.split(r" \| ", line))):
            found += _unknown(shlex.split(command), routes)
        found += [name for name in re.findall(r"\bQUARTERDECK_\w+", line) if name not in variables]
        found += [path for path in re.findall(r"\b(?:deploy|examples)/[\w./-]+", line) if not (ROOT / path).exists()]
    return found


def _commands(block: str) -> Iterator[str]:
    """A line each; one that ends within quotes goes on."""
    begun = ""
    for line in block.splitlines():
        begun += line
        if begun.count("'") % 2 == 0:
            yield begun
            begun = ""


def _unknown(words: list[str], routes: set[tuple[str, str]]) -> Iterator[str]:
    if "=" in words[0] or words[0] in {*OF_OTHERS, "export"}:
        return
    if words[0] == "quarterdeck":
        yield from _options(words[1:])
    elif words[0] == "pip":
        yield from (word for word in words if (extra := re.search(r"\[(\w+)\]", word)) and extra[1] not in _extras())
    elif words[0] == "curl":
        yield from _route(words, routes)
    else:
        yield words[0]


def _options(words: list[str]) -> Iterator[str]:
    depth = 2 if words[0] in {"token", "user"} else 1
    said = help_of(*words[:depth])
    for word in words[depth:]:
        if word.startswith("--") and word.partition("=")[0] not in re.findall(r"--[\w-]+", said):
            yield f"quarterdeck {words[0]} {word}"


@cache
def help_of(*command: str) -> str:
    """What ``quarterdeck … --help`` prints."""
    known = {entry.name for entry in entry_points(group="quarterdeck.commands")} | {"up", "doctor", "token"}
    assert command[0] in known, f"there is no command {command[0]!r}"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return said.getvalue()


@cache
def _extras() -> dict[str, Any]:
    extras: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return extras


def _route(words: list[str], routes: set[tuple[str, str]]) -> Iterator[str]:
    address = next(word for word in words if word.startswith("http://127.0.0.1:"))
    path = re.sub(r"^http://127\.0\.0\.1:\d+|\?.*$", "", address)
    sends = any(word in words for word in ("--json", "--data", "--data-binary"))
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if sends else "GET"
    if not any(method == known and re.fullmatch(_pattern(route), path) for known, route in routes):
        yield f"{method} {path}"


def _pattern(route: str) -> str:
    return re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(route))

"""The ``quarterdeck`` command: everything at once, or one service by itself.

``up``, ``doctor`` and ``token`` live here. Every service brings its own command through the entry point group
``quarterdeck.commands``, so this package knows none of them.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version

from quarterdeck.cli.doctor import main as doctor
from quarterdeck.cli.token import main as token
from quarterdeck.cli.up import main as up

_BUILT_IN: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "up": (up, "start everything on this machine and open the dashboard"),
    "doctor": (doctor, "check this machine and say what to do"),
    "token": (token, "create, list and revoke the tokens that clients need"),
}

_SERVICES = {
    "collector": ("collector", "receive OTLP and store it in ClickHouse"),
    "runner": ("runner", "run, pause, resume and cancel pipelines over REST"),
    "ui": ("ui", "serve the dashboard"),
    "user": ("ui", "say who may log in to the dashboard"),
    "run": ("runner", "run a pipeline file here, with nothing else running"),
    "validate": ("runner", "check pipeline files: every problem with its place"),
    "demo": ("runner", "run the example pipelines, live"),
    "tail": ("", "follow live runs in the terminal"),
    "query": ("", "ask ClickHouse: SQL, or a ready question"),
    "mcp": ("mcp", "let coding agents read runs, errors, costs and prompts"),
    "export": ("collector", "write runs to OTLP files"),
    "import": ("collector", "store what OTLP files hold"),
    "purge": ("collector", "remove runs, a pipeline or a stretch of time for good"),
    "reprice": ("collector", "compute the cost of stored calls anew"),
    "migrate": ("collector", "bring the tables to the current schema"),
}
"""Service command: the extra that brings it, if one is needed, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    Args:
        argv: the words after ``quarterdeck``; the process's own by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_usage())  # noqa: T201 - a command line answers on standard output
        return 0
    if words[0] in {"-V", "--version"}:
        print(f"quarterdeck {version('quarterdeck')}")  # noqa: T201 - as above
        return 0
    command, rest = words[0], words[1:]
    if command in _BUILT_IN:
        return _BUILT_IN[command][0](rest)
    return _service(command, rest)


def _service(command: str, rest: Sequence[str]) -> int:
    found = {entry.name: entry for entry in entry_points(group="quarterdeck.commands")}
    if command not in found:
        print(f"quarterdeck: there is no command {command!r}\n\n{_usage()}", file=sys.stderr)  # noqa: T201 - as above
        return 2
    loaded = _load(found[command])
    return 2 if loaded is None else int(loaded(rest) or 0)


def _load(entry: EntryPoint) -> Callable[[Sequence[str]], int | None] | None:
    try:
        return entry.load()  # type: ignore[no-any-return]  # an entry point has no static type
    except ModuleNotFoundError as missing:
        extra = _SERVICES.get(entry.name, (entry.name, ""))[0]
        print(  # noqa: T201 - as above
            f"quarterdeck {entry.name} needs the package {missing.name!r}, which is not installed.\n"
            f"Install it with: pip install 'quarterdeck[{extra}]'   (or 'quarterdeck[all]' for everything)",
            file=sys.stderr,
        )
        return None


def _usage() -> str:
    rows = [(name, text) for name, (_, text) in _BUILT_IN.items()]
    rows += [(name, text) for name, (_, text) in _SERVICES.items()]
    lines = [f"  {name:<10} {text}" for name, text in rows]
    return "\n".join(
        ["usage: quarterdeck COMMAND [options]", "", *lines, "", "quarterdeck COMMAND --help lists its options."]
    )

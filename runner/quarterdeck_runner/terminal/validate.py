"""``quarterdeck validate``: every problem of pipeline files, for people, editors and CI."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from quarterdeck.price_file import PriceFileError
from quarterdeck_runner import prices
from quarterdeck_runner.diagnostics import START, Diagnostic
from quarterdeck_runner.files import FileError, read_pipeline
from quarterdeck_runner.validate import validate

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

_SUFFIXES: Final = (".yaml", ".yml")


def main(argv: Sequence[str] | None = None) -> int:
    """Print every problem as ``file:line:column: severity: message``.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0 if there is no error (warnings do not count), 1 if there is one, 2 for a wrong argument.
    """
    parser = argparse.ArgumentParser(
        prog="quarterdeck validate",
        description="Check pipeline files and print every problem as file:line:column: severity: message. "
        "The exit code is 1 if there is an error.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a pipeline, or a folder with *.yaml and *.yml files")
    parser.add_argument("--strict", action="store_true", help="count warnings as errors")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of pipeline files, for editors")
    chosen = parser.parse_args(argv)
    if chosen.schema:
        print(resources.files("quarterdeck_runner").joinpath("schema.json").read_text("utf-8"), end="")  # noqa: T201 - a command line answers on standard output
        return 0
    if not chosen.files:
        parser.error("name a pipeline file, or a folder with some")
    try:
        prices.use_those_of(os.environ)
    except PriceFileError as error:
        parser.error(str(error))
    errors = warnings = count = 0
    for path in _paths(chosen.files):
        count += 1
        for problem in problems(path):
            print(problem)  # noqa: T201 - as above
            errors += problem.severity == "error"
            warnings += problem.severity == "warning"
    print(_summary(count, errors, warnings), file=sys.stderr)  # noqa: T201 - as above
    return FAILED if errors or (chosen.strict and warnings) else 0


def problems(path: Path) -> tuple[Diagnostic, ...]:
    """All problems of a file, named as it was given.

    Args:
        path: the file.
    """
    try:
        text = read_pipeline(path)
    except FileError as error:
        return (Diagnostic(START.line, START.column, "error", str(path), str(error)),)
    return validate(text, path, shown_as=str(path)).diagnostics


def _paths(given: Sequence[str]) -> Iterator[Path]:
    for word in given:
        path = Path(word)
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and each.is_file())
        else:
            yield path


def _summary(count: int, errors: int, warnings: int) -> str:
    return f"{_counted(count, 'file')}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())

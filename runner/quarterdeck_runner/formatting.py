"""Pipeline files in one layout: two spaces a level, comments and quotes as they were written."""

import io
from typing import Final

from quarterdeck_runner.diagnostics import Diagnostic, Report
from quarterdeck_runner.source import read

_WIDEST: Final = 1 << 20
"""A long line is not broken: prompts keep their shape."""


class FormatError(Exception):
    """A text cannot be laid out; the diagnostics say what is in the way.

    Args:
        diagnostics: its problems.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(map(str, diagnostics)))
        self.diagnostics = diagnostics


def formatted(text: str) -> str:
    """Lay out a YAML document anew.

    Args:
        text: content of the file.

    Raises:
        FormatError: it is no valid YAML, or cannot be laid out without changing what it says.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    report = Report("pipeline.yaml")
    before = read(text, report)
    if before is None or report.diagnostics:
        raise FormatError(report.diagnostics)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    try:
        yaml.dump(yaml.load(text), written)
    except YAMLError as error:
        raise _refusal(f"it cannot be laid out: {error}") from error
    result = written.getvalue()
    after = read(result, Report("pipeline.yaml"))
    if after is None or after.plain() != before.plain():
        raise _refusal("laying it out would change what it says: do it by hand")
    return result


def _refusal(message: str) -> FormatError:
    return FormatError((Diagnostic(1, 1, "error", "pipeline.yaml", message),))

"""The command: reads what is asked, asks, and passes the answer on."""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from quarterdeck_console.clickhouse import ClickHouse, QueryError
from quarterdeck_console.query.questions import Question, QuestionError, questions
from quarterdeck_console.settings import CLICKHOUSE_URL, DATABASE, add_settings, place_of
from quarterdeck_console.text import printable
from quarterdeck_console.web import AwayError, DeniedError

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
"""Exit codes."""

_FORMATS: Final[dict[str, dict[str, str]]] = {
    "table": {"default_format": "PrettyCompactMonoBlock"},
    "vertical": {"default_format": "Vertical"},
    "markdown": {"default_format": "Markdown"},
    "json": {"default_format": "JSONEachRow", "output_format_json_array_of_rows": "1"},
    "jsonl": {"default_format": "JSONEachRow"},
    "csv": {"default_format": "CSVWithNames"},
    "tsv": {"default_format": "TabSeparatedWithNames"},
}
_PLAIN: Final = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_pretty_color": "0",
    "output_format_pretty_row_numbers": "0",
    "output_format_pretty_max_value_width": "120",
    "output_format_pretty_max_value_width_apply_for_single_value": "0",
    "output_format_pretty_max_rows": "1000000000",
}
_MOST_ROWS: Final = 1_000
_ALL: Final = 2**32 - 1
_HINTS: Final = {
    "UNKNOWN_TABLE": "'quarterdeck query tables' lists what there is",
    "UNKNOWN_IDENTIFIER": "'quarterdeck query tables --param table=NAME' lists the columns of a table",
    "TIMEOUT_EXCEEDED": "ask for less: a shorter time, fewer columns, a LIMIT",
    "MEMORY_LIMIT_EXCEEDED": "ask for less: a shorter time, fewer columns, a LIMIT",
    "TOO_MANY_ROWS_OR_BYTES": "ask for less: a shorter time, or a LIMIT",
    "UNKNOWN_DATABASE": "say which with --database",
    "UNKNOWN_QUERY_PARAMETER": "give it with --param name=value",
}
_ROW: Final = re.compile("\n│(?![^\n]*↳)".encode())
"""The beginning of a row of a table, not of a further line of its row."""
_WORD: Final = re.compile(r"[a-z_]+")
_AT: Final = re.compile(r"failed at position (\d+)")
_WIDTH: Final = 100
_AWAY: Final = (
    "start it with 'quarterdeck up', or say where it is with --clickhouse-url or QUARTERDECK_CLICKHOUSE_URL "
    "('quarterdeck doctor' looks around on this machine)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Answer one question; the answer goes to standard output, everything else to standard error.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0, 1 if ClickHouse is away or refuses, 2 for a wrong argument, 130 when it was broken off.
    """
    chosen = _parser().parse_args(argv)
    try:
        return _answer(chosen)
    except (QuestionError, QueryError, DeniedError) as error:
        return _said(str(error), USAGE if isinstance(error, QuestionError) else FAILED)
    except AwayError as error:
        return _said(f"{error}: {_AWAY}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, head say, has enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _answer(chosen: argparse.Namespace) -> int:
    if chosen.list:
        print(_listing(questions()))  # noqa: T201 - a command line answers on standard output
        return 0
    sql, values = _asked(chosen)
    answer = ClickHouse(place_of(chosen)).stream(sql, values, _settings(chosen))
    try:
        rows = _pass_on(answer, sys.stdout.buffer, safe=sys.stdout.isatty())
    except QueryError as error:
        hint = f"; {_HINTS[error.name]}" if error.name in _HINTS else ""
        raise QueryError(f"{error}{hint}{_pointed(str(error), sql)}") from error
    if chosen.limit is None and _shown(chosen) == "table" and rows >= _MOST_ROWS:
        return _said(f"these are the first {_MOST_ROWS} rows; --limit 0 gives all", 0)
    return 0


def _asked(chosen: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Give the SQL and the values of its places."""
    given = dict(_pair(text) for text in chosen.param)
    text = _text(chosen)
    ready = questions()
    if _WORD.fullmatch(text):
        if text not in ready:
            raise QuestionError(f"there is no question {text!r}; there are {', '.join(ready)}, or write SQL")
        if chosen.limit is not None and any(each.name == "limit" for each in ready[text].parameters):
            given.setdefault("limit", str(chosen.limit or _ALL))
        return ready[text].table if _shown(chosen) == "table" else ready[text].sql, ready[text].values(given)
    return text, given


def _text(chosen: argparse.Namespace) -> str:
    if chosen.file:
        if chosen.question:
            raise QuestionError("give the SQL or a file, not both")
        try:
            text = Path(chosen.file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise QuestionError(f"{chosen.file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    elif chosen.question in {None, "-"}:
        if chosen.question is None and sys.stdin.isatty():
            raise QuestionError("ask something: SQL, or a ready question ('quarterdeck query --list')")
        text = sys.stdin.read()
    else:
        text = chosen.question
    if not text.strip():
        raise QuestionError("the query is empty")
    return text.strip()


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise QuestionError(f"--param {text}: write it as name=value")
    return name.strip(), value


def _settings(chosen: argparse.Namespace) -> Mapping[str, str]:
    shown = _shown(chosen)
    form = _FORMATS.get(shown, {"default_format": shown})
    limit = chosen.limit if chosen.limit is not None else _MOST_ROWS if shown == "table" else 0
    return {**_PLAIN, **form, **({"limit": str(limit)} if limit else {})}


def _shown(chosen: argparse.Namespace) -> str:
    return str(chosen.format or ("table" if sys.stdout.isatty() else "tsv"))


def _pass_on(answer: Iterator[bytes], out: BinaryIO, *, safe: bool) -> int:
    """Write the answer, to a terminal only what cannot steer it; gives the rows of a table."""
    rows, held = 0, b""
    for piece in answer:
        whole, mark, held = (held + piece).rpartition(b"\n") if safe else (piece, b"", b"")
        rows += len(_ROW.findall(whole))
        out.write(_safe(whole + mark) if safe else whole)
        out.flush()
    out.write(_safe(held))
    out.flush()
    return rows


def _safe(text: bytes) -> bytes:
    return printable(text.decode(errors="replace")).encode()


def _pointed(error: str, sql: str) -> str:
    """Show where in the text a syntax error is."""
    found = _AT.search(error)
    if found is None or int(found[1]) > len(sql) + 1:
        return ""
    before = sql.encode()[: int(found[1]) - 1].decode(errors="ignore")
    start = before.rfind("\n") + 1
    row = sql[start:].partition("\n")[0]
    cut = max(0, len(before) - start - _WIDTH)
    return f"\n  {printable(row[cut : cut + 2 * _WIDTH])}\n  {' ' * (len(before) - start - cut)}^"


def _listing(ready: Mapping[str, Question]) -> str:
    rows = []
    for name, each in ready.items():
        rows.append(f"{name:<9} {each.about}")
        for one in each.parameters:
            default = "needed" if one.default is None else one.default or "any"
            rows.append(f"          {one.name:<9} {one.help} [{default}]")
    return "\n".join([*rows, "", "quarterdeck query NAME --param name=value …"])


def _said(text: str, code: int) -> int:
    print(f"quarterdeck query: {printable(text)}", file=sys.stderr)  # noqa: T201 - as above
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quarterdeck query",
        description="Ask ClickHouse, reading only. Times (since, until) are how long ago (10m, 24h, 7d), a date or a "
        "time in UTC.",
        epilog="Exit code: 0 answered, 1 ClickHouse is away or refuses, 2 wrong argument.",
    )
    parser.add_argument("question", nargs="?", help="SQL, the name of a ready question, or - for standard input")
    parser.add_argument("--list", action="store_true", help="list the ready questions and what they take")
    parser.add_argument("--file", "-f", metavar="FILE", help="take the SQL from a file")
    parser.add_argument(
        "--param", "-p", action="append", default=[], metavar="NAME=VALUE", help="value of {NAME:Type} in the SQL"
    )
    parser.add_argument(
        "--format",
        "-o",
        metavar="FORMAT",
        help=f"{', '.join(_FORMATS)} or any of ClickHouse's [table in a terminal, else tsv]",
    )
    parser.add_argument(
        "--limit", "-n", type=_rows, metavar="ROWS", help=f"rows at most, 0 for all [{_MOST_ROWS} in a table, else all]"
    )
    add_settings(parser, CLICKHOUSE_URL, DATABASE)
    return parser


def _rows(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

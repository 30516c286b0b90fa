"""``quarterdeck purge``, ``export``, ``import``, ``reprice`` and ``migrate``."""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from quarterdeck.price_file import PriceFileError
from quarterdeck.serving import InUseError, owner_of, wrong_settings
from quarterdeck_collector.care import otlp_file
from quarterdeck_collector.care.access import AccessError, opened, reach
from quarterdeck_collector.care.derived import BusyDayError
from quarterdeck_collector.care.operations import Care, ClusterError
from quarterdeck_collector.care.purge import PurgeReport
from quarterdeck_collector.care.reprice import RepriceReport
from quarterdeck_collector.care.selection import Selection, SelectionError
from quarterdeck_collector.migrate import MigrationError
from quarterdeck_collector.migrate import migrate as bring_to_current_schema
from quarterdeck_collector.prices import PricesError
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.settings import Settings

_FAILED: Final = 1
_USAGE: Final = 2
_ERRORS: Final = (
    *(AccessError, InUseError, MigrationError, StoreError, BusyDayError, SelectionError, ClusterError),
    *(PriceFileError, PricesError, otlp_file.FileError),
)
_Work = Callable[[argparse.Namespace], int]


def _say(text: str) -> None:
    print(text)  # noqa: T201 - a command line answers on standard output


def _run(name: str, work: _Work, chosen: argparse.Namespace) -> int:
    try:
        return work(chosen)
    except ValidationError as error:
        print(wrong_settings(error.errors()), file=sys.stderr)  # noqa: T201 - as above
        return _USAGE
    except _ERRORS as error:
        print(f"quarterdeck {name}: {error}", file=sys.stderr)  # noqa: T201 - as above
        return _FAILED


# --------------------------------------------------------------------------------------------------------- the commands


def purge(argv: Sequence[str] | None = None) -> int:
    """Remove runs for good.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0, 1 if it could not be done, 2 for a wrong argument.
    """
    parser = _parser("purge", "Remove data for good: rows, sums and files.")
    _add_selection(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return _run("purge", _purge, parser.parse_args(argv))


def _purge(chosen: argparse.Namespace) -> int:
    selection = _selection(chosen)
    with _reached(chosen) as care:
        plan = care.purge(selection, dry_run=True)
        _say(_purge_text(plan, "would go"))
        if chosen.dry_run or not (any(plan.rows.values()) or plan.requests):
            return 0
        if not chosen.yes and not _agreed("Remove them for good?"):
            return _FAILED
        _say(_purge_text(care.purge(selection, dry_run=False), "are gone"))
    return 0


def _purge_text(report: PurgeReport, what: str) -> str:
    lines = [f"{count:>12,}  {name}" for name, count in report.rows.items() if count]
    if report.requests:
        lines.append(f"{report.requests:>12,}  in files of requests that are not stored")
    if not lines:
        return "nothing is selected"
    if report.days:
        lines.append(f"{'':>12}  sums of {_days(report.days)} are made anew")
    if report.kept:
        lines.append(
            f"{'':>12}  sums by minute and hour of {_days(report.kept)} still count them: these go with a whole "
            "pipeline, latencies by hour only with a whole day"
        )
    return "\n".join([f"{'rows':>12}  that {what}", *lines])


def _days(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        print("quarterdeck: say --yes to go on without being asked", file=sys.stderr)  # noqa: T201 - as above
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def reprice(argv: Sequence[str] | None = None) -> int:
    """Compute the cost of stored calls anew.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code, as of :func:`purge`.
    """
    parser = _parser("reprice", "Compute the cost of stored model calls anew, from today's price table.")
    _add_selection(parser)
    parser.add_argument("--model", action="append", default=[], help="only calls of this model; may be repeated")
    parser.add_argument("--dry-run", action="store_true", help="only print the difference")
    parser.add_argument(
        "--prices",
        help="your own prices, TOML; a running collector uses the file that it was started with [QUARTERDECK_PRICES]",
    )
    return _run("reprice", _reprice, parser.parse_args(argv))


def _reprice(chosen: argparse.Namespace) -> int:
    selection = _selection(chosen)
    with _reached(chosen) as care:
        _say(_reprice_text(care.reprice(selection, chosen.model, dry_run=chosen.dry_run), dry_run=chosen.dry_run))
    return 0


def _reprice_text(report: RepriceReport, *, dry_run: bool) -> str:
    if not report.models:
        return "no model calls are selected"
    table = [("MODEL", "PRICE OF", "CALLS", "OLD USD", "NEW USD", "DIFFERENCE", "UNKNOWN BEFORE", "AFTER")]
    table += [
        (
            f"{each.provider}/{each.model}",
            each.price or "-",
            f"{each.calls:,}",
            f"{each.old_cost:.6f}",
            f"{each.new_cost:.6f}",
            f"{each.new_cost - each.old_cost:+.6f}",
            f"{each.old_unknown:,}",
            f"{each.new_unknown:,}",
        )
        for each in report.models
    ]
    lines = _aligned(table)
    if report.days:
        lines.append(f"costs of {_days(report.days)} {'would change' if dry_run else 'were changed'}")
    else:
        lines.append("no cost changes")
    if report.expired:
        lines.append(f"{_days(report.expired)} stay as they are: spans of them have expired")
    return "\n".join(lines)


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    left = 2
    return [
        "  ".join(
            text.ljust(width) if number < left else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def export(argv: Sequence[str] | None = None) -> int:
    """Write stored runs to OTLP files.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code, as of :func:`purge`.
    """
    parser = _parser("export", "Write stored spans and logs to OTLP files, one for each signal.")
    _add_selection(parser)
    parser.add_argument(
        "file",
        type=Path,
        help="such as runs.jsonl or runs.otlp.zst: becomes runs.traces.jsonl and runs.logs.jsonl; "
        ".otlp is protobuf, .jsonl JSON, .gz and .zst compress",
    )
    return _run("export", _export, parser.parse_args(argv))


def _export(chosen: argparse.Namespace) -> int:
    selection = _selection(chosen)
    with _reached(chosen) as care:
        written = [_write(care, kind, selection, chosen.file) for kind in (TRACES, LOGS)]
    if not any(written):
        print("quarterdeck export: nothing is selected", file=sys.stderr)  # noqa: T201 - as above
        return _FAILED
    return 0


def _write(care: Care, kind: Any, selection: Selection, file: Path) -> int:
    path = otlp_file.name_for(file, kind)
    writer, items = otlp_file.Writer(path), 0
    try:
        for message in care.export(kind, selection):
            writer.write(message)
            items += kind.count(message)
        if items:
            writer.finish()
            _say(f"{path}: {items:,} {'spans' if kind is TRACES else 'log records'}")
    finally:
        writer.abandon()
    return items


def restore(argv: Sequence[str] | None = None) -> int:
    """Store what OTLP files hold.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code, as of :func:`purge`.
    """
    parser = _parser("import", "Store the spans and logs of OTLP files; what is there already is left as it is.")
    parser.add_argument(
        "files", type=Path, nargs="+", help="files that 'quarterdeck export' wrote, or the name it was given"
    )
    parser.add_argument(
        "--signal",
        default="",
        choices=[TRACES.name, LOGS.name],
        help="what .otlp files hold whose names do not say it",
    )
    return _run("import", _restore, parser.parse_args(argv))


def _restore(chosen: argparse.Namespace) -> int:
    with _reached(chosen) as care:
        for path in [file for name in chosen.files for file in otlp_file.files_of(name)]:
            sums: Counter[str] = Counter()
            for kind, message in otlp_file.read(path, chosen.signal):
                if kind is METRICS:
                    raise otlp_file.FileError(f"{path} holds metrics, which cannot be imported")
                report = care.restore(kind, message)
                sums.update(stored=report.stored, present=report.present, expired=report.expired)
            _say(f"{path}: {sums['stored']:,} stored" + _but(sums, report.keep_days if sums["expired"] else 0))
    return 0


def _but(sums: Counter[str], keep_days: int) -> str:
    text = f", {sums['present']:,} were there already" if sums["present"] else ""
    if sums["expired"]:
        text += (
            f"; {sums['expired']:,} of them are older than {keep_days} days and will be removed again: "
            "start the collector with a larger --keep-days first, and import them then"
        )
    return text


def migrate(argv: Sequence[str] | None = None) -> int:
    """Bring a store to the current schema.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code, as of :func:`purge`.
    """
    parser = _parser("migrate", "Bring the tables to the current schema; a collector does the same when it starts.")
    return _run("migrate", _migrate, parser.parse_args(argv))


def _migrate(chosen: argparse.Namespace) -> int:
    settings = _settings(chosen)
    if not settings.clickhouse_url and (owner := owner_of(settings.lock_file)):
        _say(f"the collector that runs there did it when it started ({owner})")
        return 0
    with opened(settings, make=True) as store:
        applied = bring_to_current_schema(store)
    _say("\n".join(f"applied {version}" for version in applied) if applied else "the schema is current")
    return 0


# ---------------------------------------------------------------------------------------------------------- their flags


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"quarterdeck {name}", description=description)
    parser.add_argument(
        "--data-dir",
        help="the collector's folder; if one runs there, it does the work [QUARTERDECK_DATA_DIR, ./.quarterdeck]",
    )
    parser.add_argument(
        "--clickhouse-url",
        help="a ClickHouse server instead of the embedded store [QUARTERDECK_CLICKHOUSE_URL]",
    )
    parser.add_argument("--database", help="ClickHouse database [QUARTERDECK_DATABASE, quarterdeck]")
    parser.add_argument("--cluster", help="name of the cluster that the server is a node of [QUARTERDECK_CLUSTER]")
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", action="append", default=[], metavar="ID", help="a run; may be repeated")
    parser.add_argument("--pipeline", default="", metavar="NAME", help="all runs of a pipeline")
    parser.add_argument("--from", dest="start", default="", metavar="TIME", help="date or time, UTC")
    parser.add_argument("--to", dest="end", default="", metavar="TIME", help="time, or the last date, UTC")


def _selection(chosen: argparse.Namespace) -> Selection:
    given = {"runs": chosen.run, "pipeline": chosen.pipeline, "from": chosen.start, "to": chosen.end}
    return Selection.read(given)


def _settings(chosen: argparse.Namespace) -> Settings:
    """Give the collector's settings: flag, then environment, then default."""
    flags = {
        name: getattr(chosen, name, None) for name in ("data_dir", "clickhouse_url", "database", "cluster", "prices")
    }
    return Settings(**{name: value for name, value in flags.items() if value is not None})


def _reached(chosen: argparse.Namespace) -> AbstractContextManager[Care]:
    return reach(_settings(chosen))


MAINS: Final = {"purge": purge, "reprice": reprice, "export": export, "import": restore, "migrate": migrate}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands: ``python -m quarterdeck_collector.care purge …``."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in MAINS:
        print(f"usage: python -m quarterdeck_collector.care {{{','.join(MAINS)}}} …", file=sys.stderr)  # noqa: T201 - as above
        return _USAGE
    with contextlib.suppress(KeyboardInterrupt):
        return MAINS[words[0]](words[1:])
    return _FAILED

"""The command: follows the live events of a collector, and tells what each run cost when it has ended."""

import argparse
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

from quarterdeck.semconv import RUN_LOST_AFTER_S
from quarterdeck_console.clickhouse import ClickHouse, QueryError
from quarterdeck_console.settings import CLICKHOUSE_URL, DATABASE, ENDPOINT, Place, add_settings, place_of
from quarterdeck_console.tail.narrator import Narrator
from quarterdeck_console.tail.paint import Paint, wants_colour
from quarterdeck_console.tail.screen import Screen
from quarterdeck_console.tail.stream import NOW, SILENCE_S, Event, FilterError, Stream
from quarterdeck_console.tail.summaries import EVERY_S, Prices, Summaries
from quarterdeck_console.text import printable
from quarterdeck_console.times import moment
from quarterdeck_console.web import AwayError, DeniedError, Web

FAILED: Final = 1
USAGE: Final = 2
"""Exit codes."""

_LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal", "off")
_LIVE: Final = ("pipeline:*", "step:*", "prompt:sent", "response:*", "heartbeat")
_DAY: Final = "23.9h"
"""Live events are kept for a day, and the collector says so to whoever asks for all of it."""

_QUICK_S: Final = 2.0
_RETRY_S: Final = 30.0
_LOST_S: Final = RUN_LOST_AFTER_S + 2
_OLDEST_NS: Final = 2 * 86_400_000_000_000
_AWAY: Final = (
    "start it with 'quarterdeck up', or say where it is with --endpoint or QUARTERDECK_ENDPOINT ('quarterdeck doctor' "
    "looks around on this machine)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Follow runs until Ctrl+C, or until the runs that were asked for have ended.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0; 1 if a run that was asked for did not complete, or the collector is away or refuses; 2 for a wrong
        argument.
    """
    chosen = _parser().parse_args(argv)
    try:
        return Tail(chosen, place_of(chosen)).run()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader, head say, has enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except AwayError as error:
        return _said(f"{error}: {_AWAY}", FAILED)
    except (DeniedError, FilterError) as error:
        return _said(str(error), FAILED)


class Tail:
    """One use of the command.

    Args:
        chosen: parsed arguments.
        place: where to ask.

    Raises:
        AwayError: an address is none.
    """

    def __init__(self, chosen: argparse.Namespace, place: Place) -> None:
        self._chosen = chosen
        since = chosen.since if chosen.since is not None else moment(_DAY) if chosen.run or chosen.no_follow else None
        self._prices = Prices(ClickHouse(place, _QUICK_S))
        self._narrator = Narrator(self._price, full=chosen.full)
        paint = Paint(on=not chosen.json and wants_colour(sys.stdout))
        self._screen = Screen(self._narrator, paint, as_json=chosen.json)
        # A run that was asked for may have ended at any time.
        ended_since = _OLDEST_NS if chosen.run else max(since or time.time_ns(), _OLDEST_NS)
        self._summaries = Summaries(ClickHouse(place, SILENCE_S), ended_since, chosen.run, chosen.pipeline)
        last_id = "" if since is None else str(since)
        self._stream = Stream(Web(place.endpoint, place.token, SILENCE_S), _query(chosen), last_id, _notify)
        self._past = True
        self._statuses: dict[str, str] = {}
        self._seen: set[str] = set()
        self._look_at = 0.0
        self._trouble = ""

    def run(self) -> int:
        """Show everything; raises what :meth:`Stream.always` raises."""
        self._screen.hold(self._news())
        if self._chosen.no_follow:
            for event in self._stream.once():
                if event is NOW:
                    break
                self._show(event)
            self._screen.release()
            return self._outcome()
        return self._follow()

    def _follow(self) -> int:
        for event in self._ticks():
            if event is NOW and self._past:
                self._past = False
                self._screen.release()
                self._greet()
            elif event is not None and event is not NOW:
                self._show(event)
            if self._past:
                continue
            if time.monotonic() >= self._look_at:
                self._look()
            if self._chosen.run and all(run in self._statuses for run in self._chosen.run):
                return self._outcome()
        return 0

    def _ticks(self) -> Iterator[Event | None]:
        """Give events as they arrive, and None every second without any."""
        arrived: queue.Queue[Event | Exception] = queue.Queue(10_000)

        def read() -> None:
            try:
                for event in self._stream.always():
                    arrived.put(event)
            except Exception as error:  # noqa: BLE001 - raised where the command waits
                arrived.put(error)

        threading.Thread(target=read, name="events", daemon=True).start()
        while True:
            try:
                found = arrived.get(timeout=EVERY_S)
            except queue.Empty:
                yield None
                continue
            if isinstance(found, Exception):
                raise found
            yield found

    def _show(self, event: Event) -> None:
        self._seen.add(event.data.get("RunId", ""))
        self._screen.event(event)

    def _look(self) -> None:
        self._look_at = time.monotonic() + EVERY_S
        for row in self._news():
            self._screen.summary(row)
        if self._stream.steady_s > _LOST_S:  # who hears nothing cannot say that nothing was said
            for each in self._narrator.lost(time.time_ns()):
                self._screen.lines([each])
                self._statuses.setdefault(each.run, "lost")

    def _price(self, provider: str, model: str, told: dict[str, str]) -> float | None:
        """Ask what a call cost; a question for each call of a day would take minutes, and its run says it as well."""
        return None if self._past and not self._chosen.run else self._prices(provider, model, told)

    def _news(self) -> list[dict[str, object]]:
        try:
            rows = self._summaries.news()
        except (AwayError, DeniedError, QueryError) as error:
            self._look_at = time.monotonic() + _RETRY_S
            if str(error) != self._trouble:
                self._trouble = str(error)
                _say(f"what runs cost is not known: {error}; --clickhouse-url says where ClickHouse is")
            return []
        self._trouble = ""
        self._statuses |= {row["run"]: row["status"] for row in rows}
        return rows

    def _greet(self) -> None:
        if sys.stderr.isatty():
            _say(f"following {self._stream.place} (Ctrl+C ends)")
        for run in self._chosen.run:
            if run not in self._seen and run not in self._statuses:
                _say(f"nothing is known of run {run} yet; waiting for it")

    def _outcome(self) -> int:
        missing = [run for run in self._chosen.run if run not in self._statuses]
        for run in missing:
            _say(f"run {run} has not ended" if run in self._seen else f"nothing is known of run {run}")
        return FAILED if missing or any(self._statuses[run] != "completed" for run in self._chosen.run) else 0


def _query(chosen: argparse.Namespace) -> list[tuple[str, str]]:
    names = [*_LIVE, *(["log:entry"] if chosen.level != "off" else [])]
    words = [("event", name) for name in names]
    words += [("run", run) for run in chosen.run] + [("pipeline", name) for name in chosen.pipeline]
    return [*words, ("severity", chosen.level)] if chosen.level != "off" else words


def _notify(problem: str) -> None:
    _say(f"{problem}: {_AWAY}; trying again" if problem else "connected again, nothing is missing")


def _say(text: str) -> None:
    print(f"quarterdeck tail: {printable(text)}", file=sys.stderr, flush=True)  # noqa: T201 - a command line answers so


def _said(text: str, code: int) -> int:
    _say(text)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quarterdeck tail",
        description="Follow runs as they happen: steps, prompts, answers, costs and logs. Goes on after the collector "
        "was away, without a gap. With --run, ends when the run has ended.",
        epilog="Exit code: 0; 1 if a run asked for did not complete, or the collector is away; 2 wrong argument. "
        "Colours: NO_COLOR and pipes are respected.",
    )
    parser.add_argument("--run", action="append", default=[], metavar="ID", help="only this run; may be repeated")
    parser.add_argument(
        "--pipeline", action="append", default=[], metavar="NAME", help="only runs of this pipeline; may be repeated"
    )
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="begin so long ago (10m, 24h) or at a time, at most a day [now; 24h with --run or --no-follow]",
    )
    parser.add_argument("--no-follow", action="store_true", help="end when the past has been told")
    parser.add_argument("--level", choices=_LEVELS, default="info", help="least severity of log entries [info]")
    parser.add_argument("--full", action="store_true", help="whole prompts, answers and log messages")
    parser.add_argument("--json", action="store_true", help="one JSON object for each event, as the collector sends it")
    add_settings(parser, ENDPOINT, CLICKHOUSE_URL, DATABASE)
    return parser


def _moment(text: str) -> int:
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())

"""A store with a past: days of runs, made inside ClickHouse and put through every view."""

import itertools
import random
import time
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from lab.measure import say, wait_for_merges
from quarterdeck_collector import prices
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore

HERE: Final = Path(__file__).parent
DATABASE: Final = "quarterdeck"
SPANS_PER_RUN: Final = 20
LOGS_PER_RUN: Final = 5
NANOSECONDS: Final = 10**9
DAY_S: Final = 86_400
RUNS_PER_INSERT: Final = 10_000
SETTLED_S: Final = 60
"""A run of the history has ended before the history does."""

RARE_WORD: Final = "zyxneedle"
"""Is in one span of 100,000."""

SENTENCES: Final = 200_000
WORDS_PER_SENTENCE: Final = 16
_TABLE: Final = "CREATE TABLE IF NOT EXISTS bench.history (Began UInt64, Every UInt64, Made UInt64) ENGINE = Log"


@dataclass
class History:
    """Runs at equal distances: number n begins at ``began + n * every`` (nanoseconds)."""

    began: int
    every: int
    made: int

    @property
    def due(self) -> int:
        """Runs that belong to the time until now."""
        return max(self.made, (time.time_ns() - SETTLED_S * NANOSECONDS - self.began) // self.every)


def bring_up_to_now(folder: Path, spans: int, days: int, *, payload_search: bool) -> History:
    """Make the history, or let one that was made earlier go on until now.

    Args:
        folder: Data directory of a collector.
        spans: Size of a history that is made now.
        days: Time that those spans cover.
        payload_search: Whether to have the optional full-text index, built after loading.

    Raises:
        SystemExit: If an earlier run of this program was stopped while it was loading.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = EmbeddedStore(folder / "store", DATABASE)
    try:
        migrate(store)
        prices.load(store)
        history = _opened(store, spans, days)
        _extend(store, history)
        if payload_search:
            _add_index(store)
        wait_for_merges(lambda sql: store.rows(sql)[0][0])
    finally:
        store.close()
    return history


def _opened(store: EmbeddedStore, spans: int, days: int) -> History:
    store.command("CREATE DATABASE IF NOT EXISTS bench")
    store.command(_TABLE)
    known = store.rows("SELECT Began, Every, Made FROM bench.history ORDER BY Made DESC LIMIT 1")
    if known:
        history = History(*map(int, known[0]))
        for table, each in (("otel_traces", SPANS_PER_RUN), ("otel_logs", LOGS_PER_RUN)):
            stored = int(store.rows(f"SELECT count() FROM quarterdeck.{table}")[0][0])  # noqa: S608 - ours
            if stored != history.made * each:
                raise SystemExit(f"{table} is not what its history says it loaded: remove the folder and start again")
        return history
    _make_sentences(store)
    every = days * DAY_S * NANOSECONDS * SPANS_PER_RUN // spans
    history = History(time.time_ns() - (SETTLED_S + days * DAY_S) * NANOSECONDS, every, 0)
    _record(store, history)
    return history


def _record(store: EmbeddedStore, history: History) -> None:
    row = f"({history.began}, {history.every}, {history.made})"
    store.command("INSERT INTO bench.history VALUES " + row)  # noqa: S608 - numbers


def vocabulary() -> list[str]:
    """Make the words of the prompts, the most frequent first."""
    chance = random.Random(7)  # noqa: S311 - a load, no secret
    return ["".join(chance.choices("etaoinshrdlucmfwypvbgk", k=chance.randint(2, 9))) for _ in range(20_000)]


def _make_sentences(store: EmbeddedStore) -> None:
    """Texts that compress as prose does: words of a Zipf-like frequency."""
    chance = random.Random(7)  # noqa: S311 - a load, no secret
    words = vocabulary()
    weights = list(itertools.accumulate((1 / (rank + 1)) ** 0.9 for rank in range(len(words))))
    texts = [" ".join(chance.choices(words, cum_weights=weights, k=WORDS_PER_SENTENCE)) for _ in range(SENTENCES)]
    store.command("CREATE TABLE bench.texts (Id UInt64, Text String) ENGINE = MergeTree ORDER BY Id")
    rows = "\n".join(f"{number}\t{text}. " for number, text in enumerate(texts))
    store.command("INSERT INTO bench.texts FORMAT TabSeparated\n" + rows)
    store.command(
        "CREATE DICTIONARY bench.sentences (Id UInt64, Text String) PRIMARY KEY Id "
        "SOURCE(CLICKHOUSE(TABLE 'texts' DB 'bench')) LAYOUT(FLAT(MAX_ARRAY_SIZE 1000000)) LIFETIME(0)"
    )


def _extend(store: EmbeddedStore, history: History) -> None:
    due, began = history.due, time.monotonic()
    first = history.made
    while history.made < due:
        runs = min(RUNS_PER_INSERT, due - history.made)
        _insert(store, "history", history, history.made, runs)
        _insert(store, "log_history", history, history.made, runs)
        _live(store, history, history.made, runs)
        history.made += runs
        _record(store, history)
        rate = (history.made - first) * SPANS_PER_RUN / (time.monotonic() - began)
        say(f"history: {history.made * SPANS_PER_RUN:,} of {due * SPANS_PER_RUN:,} spans, {rate:,.0f} a second")


def _live(store: EmbeddedStore, history: History, first: int, runs: int) -> None:
    """Live events are kept for a day: those of older runs have gone."""
    a_day_ago = max(first, (time.time_ns() - DAY_S * NANOSECONDS - history.began) // history.every)
    if a_day_ago < first + runs:
        _insert(store, "live_history", history, a_day_ago, first + runs - a_day_ago)


def _insert(store: EmbeddedStore, what: str, history: History, first: int, runs: int) -> None:
    text = Template((HERE / f"{what}.sql").read_text())
    places = {"db": DATABASE, "began": history.began, "every": history.every, "first": first, "runs": runs}
    store.command(text.substitute(places, token=f"{what}-{first}"))


def _add_index(store: EmbeddedStore) -> None:
    began = time.monotonic()
    if not migrate(store, optional=["payload_search"]):
        return
    while store.rows("SELECT count() FROM system.mutations WHERE NOT is_done") != [["0"]]:
        time.sleep(0.5)
    say(f"full-text index built in {time.monotonic() - began:.0f} s")

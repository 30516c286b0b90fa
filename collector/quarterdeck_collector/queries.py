"""Queries of readers on the engine in this process: capped, unable to write, ended when nobody waits for them."""

import contextlib
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread

from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.sql_guard import Refused, check, check_setting
from quarterdeck_collector.store import EmbeddedStore, literal

R = TypeVar("R")

_MARK: Final = "reader "
"""Begins the comment by which the engine knows a query of ours."""

_KILL_EVERY: Final = 0.05
"""Seconds between two tries: a query that is just beginning cannot be killed yet."""

_STREAMED: Final = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
# Under readonly = 1 every setting looks unchangeable, and drivers then refuse to send any: this one question
# of clickhouse-connect is answered as an ordinary user would see it.
_SETTINGS_PROBE: Final = re.compile(
    rb"\s*SELECT\s+name,\s*value,\s*readonly\s+FROM\s+system\.settings(?:\s+LIMIT\s+\d+)?\s+FORMAT\s+Native\s*",
    re.IGNORECASE,
)
_DEFAULTS: Final = {
    # Asked for one run among many parts, find those that may hold it before any is opened: by default all are.
    "use_skip_indexes_on_data_read": "0",
    # The sort keys serve every table here; what else the engine knows of a column is read in vain when it plans.
    "use_statistics": "0",
}
_NUMBER: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{1,19})?")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Limits:
    """Caps of one query; a client may lower them."""

    seconds: int
    memory_bytes: int
    rows: int = 10_000_000

    def settings(self, wanted: dict[str, str]) -> dict[str, str]:
        """Give the settings to apply: ours, over them the client's, except where they would exceed a cap."""
        caps = {
            "max_execution_time": self.seconds,
            "max_memory_usage": self.memory_bytes,
            "max_result_rows": self.rows,
        }
        lowered = {name: _lower(wanted.get(name, ""), cap) for name, cap in caps.items()}
        return {**_DEFAULTS, **wanted, **lowered, "result_overflow_mode": "throw"}


def _lower(wanted: str, cap: int) -> str:
    return wanted if _NUMBER.fullmatch(wanted) and 0 < float(wanted) < cap else str(cap)


@dataclass(frozen=True)
class Question:
    """One query as a client sent it."""

    sql: bytes
    database: str
    output_format: str
    settings: dict[str, str]
    parameters: dict[str, str]

    @property
    def text(self) -> str:
        """The query for chDB."""
        return self.sql.decode()

    @property
    def about_settings(self) -> bool:
        """Whether it asks which settings may be changed."""
        return bool(_SETTINGS_PROBE.fullmatch(self.sql))

    @property
    def streamed(self) -> bool:
        """Whether the result can be sent piece by piece: chDB streams no DESCRIBE, SHOW or EXPLAIN."""
        return self.output_format in _STREAMED and self.sql.lstrip()[:6].upper().startswith((b"SELECT", b"WITH"))

    def check(self) -> None:
        """Let only what reads, and only settings that stay inside the store, pass.

        Raises:
            Refused: For anything else.
        """
        if not self.about_settings:
            check(self.sql)
        for name, value in self.settings.items():
            check_setting(name, value)


@dataclass(frozen=True)
class Whole:
    """A result in one piece."""

    data: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0


class Query:
    """A query on a handle of its own; :meth:`end` must follow, whatever happens.

    Args:
        store: Open engine.
        question: What is asked, checked.
        limits: Its caps.
        readers: How many may be at work at once.
    """

    def __init__(self, store: EmbeddedStore, question: Question, limits: Limits, readers: CapacityLimiter) -> None:
        self._store = store
        self._question = question
        self._settings = limits.settings(question.settings)
        self._readers = readers
        self._mark = _MARK + secrets.token_hex(16)
        self._resources = contextlib.ExitStack()
        self._at_work = threading.Lock()
        self._ended = False
        self._stream: Iterator[Any] | None = None

    async def result(self) -> Whole | AsyncIterator[bytes]:
        """Wait for the result, or for the beginning of a long one.

        Raises:
            Refused: If a setting has no proper name.
            StoreError: What the engine says.
        """
        begun = await self._work(self._begin)
        return begun if isinstance(begun, Whole) else self._rest(begun)

    async def _work(self, step: Callable[[], R]) -> R:
        return await to_thread.run_sync(self._alone, step, limiter=self._readers, abandon_on_cancel=True)

    def _alone(self, step: Callable[[], R]) -> R:
        with self._at_work:
            if self._ended:
                raise StoreError("nobody waits for this query any more", 0)
            return step()

    def _begin(self) -> Whole | bytes:
        question = self._question
        with contextlib.ExitStack() as resources:
            handle = resources.enter_context(self._store.handle())
            handle.query(f"USE `{question.database.replace('`', '')}`")
            settings = {**self._settings, "log_comment": self._mark}
            handle.query("SET " + ", ".join(f"{_name(name)} = {literal(value)}" for name, value in settings.items()))
            if not question.about_settings:
                handle.query("SET readonly = 1")  # for good: this handle cannot undo it
            if not question.streamed:
                return _whole(handle.query(question.text, question.output_format, params=question.parameters))
            stream = handle.send_query(question.text, question.output_format, params=question.parameters)
            resources.callback(stream.close)
            self._stream = iter(stream)
            first = self._next()
            self._resources = resources.pop_all()
        return Whole() if first is None else first

    def _next(self) -> bytes | None:
        part = next(self._stream, None) if self._stream else None
        return None if part is None else part.bytes()

    async def _rest(self, first: bytes) -> AsyncIterator[bytes]:
        part: bytes | None = first
        while part is not None:
            yield part
            part = await self._work(self._next)

    def end(self) -> None:
        """Let go of the engine, killing what is still at work; returns at once."""
        self._ended = True
        threading.Thread(target=self._end, daemon=True, name="end of a query").start()

    def _end(self) -> None:
        while not self._at_work.acquire(timeout=_KILL_EVERY):
            with contextlib.suppress(StoreError):  # the store is closed
                end_queries(self._store, self._mark)
        try:
            self._resources.close()
        finally:
            self._at_work.release()


def end_queries(store: EmbeddedStore, mark: str = _MARK) -> None:
    """Kill the queries of readers and wait until they are gone.

    Args:
        store: Open engine.
        mark: Which; all by default.

    Raises:
        StoreError: If the store is closed.
    """
    store.command(f"KILL QUERY WHERE startsWith(Settings['log_comment'], '{mark}') SYNC")


def _whole(result: Any) -> Whole:
    return Whole(
        data=result.bytes() or b"",
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        result_rows=result.rows_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(f"unknown setting {name!r} (UNKNOWN_SETTING)", 115)
    return name

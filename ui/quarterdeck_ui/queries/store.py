"""ClickHouse as the dashboard sees it: named questions, rows back, one kind of failure."""

import functools
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import clickhouse_connect
from clickhouse_connect.common import set_setting
from clickhouse_connect.driver.exceptions import ClickHouseError

Row = dict[str, Any]

_BESIDE = ThreadPoolExecutor(4, "question")

_READ_SECONDS: Final = 20
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS: Final = re.compile(r"[\s(]*(?:SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|EXISTS)\b", re.IGNORECASE)
_EXCEPTION: Final = re.compile(r"DB::Exception: (.*?)(?:\(version [\d.]+|\(for url |\bStack trace:|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Table:
    """What a reader's own query gave; ``cut`` says that there is more, ``seconds`` how long it took."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    cut: bool
    seconds: float


class StoreError(Exception):
    """ClickHouse did not answer a question; the message says why, in words for the screen."""


class Store:
    """Asks the ``.sql`` files beside this module; connects on first use and again after a failure."""

    def __init__(self, url: str, database: str) -> None:
        """Remember where ClickHouse is.

        Args:
            url: HTTP address, with ``user:password@`` where needed.
            database: Database that the collector fills.
        """
        self._url, self._database = url, database
        self._client: Any = None

    @property
    def place(self) -> str:
        """Address without credentials."""
        parts = urlsplit(self._url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def ask(self, question: str, **parameters: Any) -> list[Row]:
        """Run ``queries/{question}.sql`` with server-side parameters.

        Args:
            question: File name without ``.sql``.
            parameters: Values of the ``{name:Type}`` places in the file.

        Raises:
            StoreError: ClickHouse is away or refused.
        """
        try:
            result = self._connected().query(sql(question), parameters=_bindable(parameters))
        except (ClickHouseError, OSError) as error:
            self._client = None
            raise StoreError(_reason(error, self.place)) from error
        return list(result.named_results())

    def ask_together(self, questions: Sequence[str], **parameters: Any) -> list[list[Row]]:
        """Run several questions with the same parameters at the same time.

        Args:
            questions: File names without ``.sql``.
            parameters: Values of the places in the files; each takes what it knows.

        Returns:
            The rows of each.

        Raises:
            StoreError: ClickHouse is away or refused.
        """
        others = [_BESIDE.submit(self.ask, question, **parameters) for question in questions[1:]]
        return [self.ask(questions[0], **parameters), *(other.result() for other in others)]

    def read(self, text: str, most: int) -> Table:
        """Run a query that a reader wrote: reading only, for a limited time.

        Args:
            text: One statement that reads.
            most: Rows that are given.

        Raises:
            StoreError: It does not read, or ClickHouse refused it; the message is ClickHouse's own.
        """
        if not _READS.match(_COMMENT.sub(" ", text)):
            raise StoreError("Only queries that read: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS.")
        began = time.monotonic()
        limits = {"readonly": 1, "max_execution_time": _READ_SECONDS, "limit": most + 1}
        try:
            result = self._connected().query(text.strip().rstrip(";"), settings=limits)
        except (ClickHouseError, OSError) as error:
            self._client = None
            raise StoreError(_said(error, self.place)) from error
        rows = [tuple(row) for row in result.result_rows]
        return Table(tuple(result.column_names), rows[:most], len(rows) > most, time.monotonic() - began)

    def close(self) -> None:
        """Close the connections; another question opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        if self._client is None:
            # a user who may only read may not change settings either, and needs no limits of ours
            set_setting("invalid_setting_action", "drop")
            self._client = clickhouse_connect.get_client(
                dsn=self._url,
                database=self._database,
                connect_timeout=3,
                send_receive_timeout=20,
                query_retries=0,
                autogenerate_session_id=False,  # one session refuses two questions at a time
                client_name="quarterdeck-ui",
            )
        return self._client


@functools.cache
def sql(question: str) -> str:
    """The text of ``queries/{question}.sql``."""
    return resources.files("quarterdeck_ui.queries").joinpath(f"{question}.sql").read_text("utf-8")


def _bindable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def _said(error: Exception, place: str) -> str:
    """What ClickHouse said of a query, without its own address, codes of versions and stack."""
    found = _EXCEPTION.search(str(error))
    return found[1].strip()[:1000] if found else _reason(error, place)


def _reason(error: Exception, place: str) -> str:
    text = str(error)
    if isinstance(error, OSError) or any(word in text for word in ("Max retries", "Connection refused", "timed out")):
        cause = "connection refused" if "refused" in text else "timed out" if "timed out" in text else "no connection"
        return f"{place} does not answer ({cause})"
    first = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"{place} refused a query: {first[:240]}"

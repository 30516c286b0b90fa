"""Asks a store as the dashboard does, and in the SQL beside this module; notes what was asked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import clickhouse_connect
from typing_extensions import override

from quarterdeck_ui import queries

PAGE_MS: Final = 50
_SECTION: Final = re.compile(r"^-- question (\w+)\n(.*?)(?=^-- question|\Z)", re.MULTILINE | re.DOTALL)
_SQL: Final = dict(_SECTION.findall((Path(__file__).parent / "questions.sql").read_text()))

_ANSWER_S: Final = 600

_UNREMEMBERED: Final = {"use_query_condition_cache": "0"}
"""The engine remembers which granules met a condition: without this, the second round would measure the memory."""


@dataclass(frozen=True)
class Sample:
    """One run of the history, which the questions are about; ``customer`` is an attribute of its tool calls."""

    run: str
    trace: str
    span: str
    start_ns: int
    end_ns: int
    customer: str


@dataclass(frozen=True)
class Asked:
    """One question that the dashboard put to its store."""

    file: str
    parameters: Mapping[str, Any]


class Watched(queries.Store):
    """The dashboard's own store, which notes what it is asked while ``noting``."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__(url, database)
        self.asked: list[Asked] = []
        self.noting = False

    @override
    def ask(self, question: str, **parameters: Any) -> list[queries.store.Row]:
        if self.noting:
            self.asked.append(Asked(question, parameters))
        return super().ask(question, **parameters)

    def _connected(self) -> Any:
        client = super()._connected()
        for name, value in _UNREMEMBERED.items():
            client.set_client_setting(name, value)
        return client


class Asker:
    """Asks as the dashboard does, and in the SQL beside this module."""

    def __init__(self, url: str, database: str) -> None:
        """Remember where to ask.

        Args:
            url: ClickHouse's HTTP interface.
            database: Database of the tables.
        """
        self.store = Watched(url, database)
        self.runs: list[queries.RunRow] | None = None
        self._client: Any = clickhouse_connect.get_client(
            dsn=url,
            database=database,
            settings=_UNREMEMBERED,
            autogenerate_session_id=False,
            send_receive_timeout=_ANSWER_S,
        )

    def sql(self, question: str, settings: Mapping[str, str] | None = None, **parameters: Any) -> list[dict[str, Any]]:
        """Ask one section of ``questions.sql`` and take its rows."""
        result = self._client.query(_SQL[question], parameters=parameters, settings=dict(settings or {}))
        return list(result.named_results())

    def value(self, sql: str) -> str:
        """Run a query that gives one value."""
        return str(self._client.command(sql))

    def samples(self, count: int) -> list[Sample]:
        """Choose runs from anywhere in the history."""
        return [Sample(**row) for row in self.sql("samples", count=count)]


Way = Callable[[Asker, Sample], Any]


@dataclass(frozen=True)
class Question:
    """One question: how it is asked, how long it may take, and how the exporter's columns alone would answer it."""

    name: str
    ask: Way
    bound_ms: int | None = PAGE_MS
    baseline: Way | None = None

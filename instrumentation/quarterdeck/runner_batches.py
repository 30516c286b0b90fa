"""Batches of the runner: many inputs through one pipeline."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol, cast
from urllib.parse import quote, urlencode

from quarterdeck.runner_types import Batch, BatchAction, BatchCheck, BatchItemPage, ItemStatus

Form = Literal["csv", "jsonl"]

_KINDS: Final[Mapping[Form, str]] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}


class Asks(Protocol):
    """What it takes to ask the runner; :class:`~quarterdeck.runner_client.RunnerClient` does."""

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Ask for anything that the interface has."""

    def send(self, path: str, content: bytes, kind: str, *, key: str | None = None) -> Any:
        """Post something that is no JSON."""

    def fetch(self, path: str) -> bytes:
        """Read something that is no JSON."""


class Batches:
    """Checks, starts, follows and steers batches. Every method may raise :class:`RunnerError`.

    Args:
        runner: who is asked.
    """

    def __init__(self, runner: Asks) -> None:
        self._runner = runner

    def newest(self, limit: int = 100) -> list[Batch]:
        """Batches, newest first, without experiments."""
        found = self._runner.ask("GET", f"/v1/batches?{urlencode({'kind': 'batch', 'limit': limit})}")
        return cast("list[Batch]", found["batches"])

    def get(self, batch_id: str) -> Batch:
        """A batch and how far it is."""
        return cast("Batch", self._runner.ask("GET", _path(batch_id)))

    def check(self, pipeline: str, rows: str, form: Form) -> BatchCheck:
        """Check rows and predict their cost; nothing is started and nobody is asked.

        Args:
            pipeline: name of the pipeline.
            rows: text of the file.
            form: CSV with a line of names, or JSON lines.
        """
        return cast("BatchCheck", self._runner.ask("POST", "/v1/batches/check", {"pipeline": pipeline, form: rows}))

    def start(
        self,
        pipeline: str,
        rows: str,
        form: Form,
        *,
        concurrency: int = 10,
        max_cost_usd: float | None = None,
        name: str = "",
        key: str | None = None,
    ) -> Batch:
        """Start a batch; every row is checked before the first one runs.

        Args:
            pipeline: name of the pipeline.
            rows: text of the file.
            form: CSV with a line of names, or JSON lines.
            concurrency: items at once.
            max_cost_usd: USD; no item starts that would lead above it.
            name: for people; by default the pipeline's name.
            key: idempotency key; a new one by default.
        """
        wanted = {"pipeline": pipeline, "name": name, "concurrency": concurrency, "max_cost_usd": max_cost_usd}
        query = urlencode({word: value for word, value in wanted.items() if value is not None})
        return cast("Batch", self._runner.send(f"/v1/batches/upload?{query}", rows.encode(), _KINDS[form], key=key))

    def steer(self, batch_id: str, action: BatchAction) -> Batch:
        """Pause, resume or stop a batch, or do its failed items again."""
        return cast("Batch", self._runner.ask("POST", f"{_path(batch_id)}/{quote(action, safe='')}"))

    def items(
        self, batch_id: str, status: ItemStatus | None = None, cursor: str | None = None, limit: int = 100
    ) -> BatchItemPage:
        """Some items, in order, and where the next ones begin.

        Args:
            batch_id: the batch.
            status: only items of this status.
            cursor: ``next_cursor`` of the page before.
            limit: how many at most.
        """
        wanted = {"status": status, "cursor": cursor, "limit": limit}
        query = urlencode({word: value for word, value in wanted.items() if value})
        return cast("BatchItemPage", self._runner.ask("GET", f"{_path(batch_id)}/items?{query}"))

    def results(self, batch_id: str, form: Form) -> bytes:
        """Every item as CSV or as JSON lines, in order."""
        return self._runner.fetch(f"{_path(batch_id)}/results.{form}")


def _path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"

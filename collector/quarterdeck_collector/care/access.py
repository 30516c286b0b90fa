"""Where a command finds the data: a running collector, a ClickHouse server, or the folder itself."""

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck.serving import owner_of, sole_owner
from quarterdeck_collector import prices
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.operations import Care, LocalCare, Surroundings
from quarterdeck_collector.care.otlp_file import read_delimited
from quarterdeck_collector.care.purge import PurgeReport
from quarterdeck_collector.care.reprice import ModelDifference, RepriceReport
from quarterdeck_collector.care.restore import ImportReport
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.listen.journal import LogJournal
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.receive.otlp import JSON, LOGS, PROTOBUF, Kind
from quarterdeck_collector.redaction_rules import Findings
from quarterdeck_collector.settings import Settings
from quarterdeck_collector.store import EmbeddedStore, ServerStore, Store

_LONGEST: Final = 24 * 3600
"""Seconds: a large purge rewrites a lot."""

_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy of the environment: the collector is on this machine."""


class AccessError(Exception):
    """The data cannot be reached; the message says why and what to do."""


@contextlib.contextmanager
def reach(settings: Settings) -> Iterator[Care]:
    """Give the operations on the data, until the block ends.

    Args:
        settings: Where the data are.

    Raises:
        AccessError: If there are no data, or the collector that has them gives no address.
        InUseError: If a collector took the folder just now.
        MigrationError: If the store cannot be brought to the current schema.
        StoreError: If it cannot be opened.
    """
    if not settings.clickhouse_url and (owner := owner_of(settings.lock_file)):
        if not owner.url:
            raise AccessError(f"{settings.data_dir.absolute()} is in use by {owner}, which gives no address; stop it")
        yield RemoteCare(owner.url, owner.token)
        return
    with opened(settings) as store:
        migrate(store)
        yield LocalCare(store, nothing_around(settings, store))


def nothing_around(settings: Settings, store: Store) -> Surroundings:
    """Give the surroundings of data whose collector does not run, or runs elsewhere."""
    redaction = settings.redaction()
    return Surroundings(
        leftovers=Leftovers(settings.segments_dir, settings.forward_dir, sealed=not settings.clickhouse_url),
        settle=lambda: None,
        quiet=contextlib.nullcontext,
        load_prices=lambda: prices.load(store, settings.prices),
        clean=lambda kind, body: redaction.clean(kind, body, Findings()),
        forget=LogJournal(settings.recent_logs_dir, settings.segments_dir / LOGS.name).clear,
    )


@contextlib.contextmanager
def opened(settings: Settings, *, make: bool = False) -> Iterator[Store]:
    """Open the server, or the folder as its only owner.

    Args:
        settings: Where the data are.
        make: Make the store if there is none.

    Raises:
        AccessError: If there is no folder.
        InUseError: If a collector runs on it.
        StoreError: If the store cannot be opened.
    """
    if settings.clickhouse_url:
        with contextlib.closing(ServerStore(settings.clickhouse_url, settings.database, settings.cluster)) as server:
            yield server
        return
    folder = settings.data_dir.absolute()
    if not make and not settings.store_dir.exists():
        raise AccessError(f"there are no data in {folder}; say where they are with --data-dir or --clickhouse-url")
    with (
        sole_owner(settings.lock_file, f"data directory {folder}"),
        contextlib.closing(EmbeddedStore(settings.store_dir, settings.database, settings.disk_reserve_bytes)) as store,
    ):
        yield store


class RemoteCare(Care):
    """Operations of a running collector.

    Args:
        url: Base URL of its OTLP port.
        token: Token with the scope ``admin``; empty for none.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def purge(self, selection: Selection, *, dry_run: bool) -> PurgeReport:
        """Remove data for good."""
        return PurgeReport(**self._ask("purge", {**selection.written(), "dry_run": dry_run}))

    def reprice(self, selection: Selection, models: Sequence[str], *, dry_run: bool) -> RepriceReport:
        """Compute costs anew."""
        wanted = {**selection.written(), "models": list(models), "dry_run": dry_run}
        answer = self._ask("reprice", wanted)
        differences = [ModelDifference(**each) for each in answer.pop("models")]
        return RepriceReport(models=differences, **answer)

    def export(self, kind: Kind, selection: Selection) -> Iterator[Message]:
        """Give stored data as OTLP messages."""
        wanted = {**selection.written(), "signal": kind.name}
        with self._post("export", json.dumps(wanted).encode(), JSON) as answer:
            yield from read_delimited(f"the answer of {self._url}", answer, kind)

    def restore(self, kind: Kind, message: Any) -> ImportReport:
        """Store what of a message is not there yet."""
        with self._post(f"import?signal={kind.name}", message.SerializeToString(), PROTOBUF) as answer:
            return ImportReport(**json.load(answer))

    def _ask(self, operation: str, wanted: dict[str, Any]) -> dict[str, Any]:
        with self._post(operation, json.dumps(wanted).encode(), JSON) as answer:
            given: dict[str, Any] = json.load(answer)
        return given

    @contextlib.contextmanager
    def _post(self, operation: str, body: bytes, media: str) -> Iterator[IO[bytes]]:
        headers = {"Content-Type": media}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(f"{self._url}/v1/admin/{operation}", body, headers)  # noqa: S310 - http, from the lock file
        try:
            with _DIRECT.open(request, timeout=_LONGEST) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise AccessError(_reason(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise AccessError(f"the collector at {self._url} does not answer: {error}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace").strip()
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        if error.code in (401, 403):
            return f"the collector does not let this command in: {text}"
        return f"the collector answers {error.code}: {text}"

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support.collectors import CollectorProcess, Ingest, collector
from support.stores import Pool, drop, fresh

_NUMBERS = itertools.count()


@pytest.fixture
def empty_store(engine: EmbeddedStore) -> Iterator[EmbeddedStore]:
    """A database of its own, before any migration."""
    store = fresh(engine)
    yield store
    drop(store)


@pytest.fixture(scope="session")
def stores(engine: EmbeddedStore) -> Iterator[Pool]:
    pool = Pool(engine)
    yield pool
    pool.close()


@pytest.fixture
def store(stores: Pool) -> Iterator[EmbeddedStore]:
    """A migrated database in which nothing is."""
    lent = stores.take()
    yield lent
    stores.give_back(lent)


@pytest.fixture
def ingest(store: EmbeddedStore, tmp_path: Path) -> Ingest:
    """Insert OTLP messages as the collector does."""

    def insert(message: Any) -> None:
        number = next(_NUMBERS)
        path = tmp_path / f"{number}.otlp"
        path.write_bytes(frame(message.SerializeToString()))
        kind = next(kind for kind in (TRACES, LOGS, METRICS) if kind.request is type(message))
        store.insert_otlp(f"otlp_{kind.name}_in", path, message.DESCRIPTOR.name, str(number))

    return insert


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector that all tests share; they tell their data apart by ids."""
    with collector(tmp_path_factory.mktemp("running") / "data") as process:
        yield process

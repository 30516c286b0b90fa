from collections.abc import Iterator

import pytest

from support import night
from support.collectors import CollectorProcess, collector, wait_for
from support.night import Night


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector that all tests share; it redacts nothing, as one that others write to might."""
    with collector(tmp_path_factory.mktemp("console") / "data", "--redact", "none") as process:
        yield process


@pytest.fixture(scope="session")
def told(home: CollectorProcess) -> Night:
    """Last night and the night before, stored."""
    both = night.tell(home.otlp)
    stored = "(SELECT count() FROM quarterdeck.{} WHERE RunId IN {{runs:Array(String)}})"
    counts = f"SELECT {stored.format('otel_traces')}, {stored.format('otel_logs')}"
    wait_for(lambda: home.sql(counts, runs=f"['{both.good.id}', '{both.bad.id}']") == "10\t3")
    return both

"""The optional full-text index over payloads: it changes how fast a search is, never what it finds."""

from pathlib import Path

import pytest

from quarterdeck import semconv
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest, collector, wait_for

PROMPTS = (
    "Refund the BLUE Umbrella",
    "the blue umbrella is late",
    "an umbrella of überblauer Farbe",
    "unbluer things",
    "",
)
SEARCHES = {
    "hasAllTokens(SearchText, lowerUTF8('Blue UMBRELLA'))": [0, 1],
    "hasAnyTokens(SearchText, lowerUTF8('refund Überblauer'))": [0, 2],
    "hasPhrase(SearchText, lowerUTF8('umbrella is'))": [1],
    "SearchText LIKE '%blue%'": [0, 1, 3],
    "hasAllTokens(SearchText, 'nothing of the kind')": [],
}


def _fill(ingest: Ingest, name: str) -> None:
    """One request, hence one part: no merge builds an index behind the migration's back."""
    prompts = [{semconv.INPUT_MESSAGES: prompt, "number": number} for number, prompt in enumerate(PROMPTS)]
    ingest(otlp.traces(*[{"name": name, "attributes": attributes} for attributes in prompts]))


def _found(store: EmbeddedStore, name: str) -> dict[str, list[int]]:
    select = "SELECT SpanAttributes['number'] FROM $otel_traces WHERE SpanName = '{}' AND {} ORDER BY 1"
    return {search: [int(row[0]) for row in store.rows(select.format(name, search))] for search in SEARCHES}


def _uses_index(store: EmbeddedStore, search: str) -> bool:
    plan = store.rows(f"EXPLAIN indexes = 1 SELECT TraceId FROM $otel_traces WHERE {search}")  # noqa: S608 - our own words
    return "idx_search_text" in str(plan)


def _bytes_of_index(store: EmbeddedStore) -> int:
    sizes = store.rows("SELECT database, name, data_compressed_bytes FROM system.data_skipping_indices")
    return sum(int(size) for database, name, size in sizes if (database, name) == (store.database, "idx_search_text"))


def test_a_search_finds_the_same_with_and_without_the_index(store: EmbeddedStore, ingest: Ingest) -> None:
    _fill(ingest, "without")
    assert _found(store, "without") == SEARCHES
    assert not any(_uses_index(store, search) for search in SEARCHES)

    assert migrate(store, optional=["payload_search"]) == ["optional/payload_search"]
    _fill(ingest, "with")

    assert (_found(store, "without"), _found(store, "with")) == (SEARCHES, SEARCHES)
    assert all(_uses_index(store, search) for search in SEARCHES)


def test_the_index_covers_what_was_stored_before(store: EmbeddedStore, ingest: Ingest) -> None:
    _fill(ingest, "without")
    migrate(store, optional=["payload_search"])

    wait_for(lambda: _bytes_of_index(store) > 0)


def test_switched_off_again_the_index_stays(store: EmbeddedStore, ingest: Ingest) -> None:
    migrate(store, optional=["payload_search"])

    assert migrate(store) == []
    _fill(ingest, "with")
    assert _uses_index(store, "hasAllTokens(SearchText, 'umbrella')")


@pytest.mark.parametrize("flags", [["--payload-search"], ["--no-payload-search"], []])
def test_the_setting_decides_and_the_log_tells(tmp_path: Path, flags: list[str]) -> None:
    with collector(tmp_path / "data", *flags) as running:
        indices = running.sql("SELECT count() FROM system.data_skipping_indices WHERE name = 'idx_search_text'")

    wanted = "--payload-search" in flags
    assert (indices == "1", "the full-text index" in running.log.read_text()) == (wanted, wanted)

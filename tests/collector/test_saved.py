"""What people save: versions, conflicts, limits; through the dashboard's client against a real collector."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from quarterdeck_ui.saved import ConflictError, Saved, SavedError, SavedObject
from support.collectors import PLAIN, CollectorProcess, collector


@pytest.fixture
def saved(running: CollectorProcess) -> Iterator[Saved]:
    with closing(Saved(running.otlp)) as client:
        yield client


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with collector(tmp_path_factory.mktemp("saved") / "data") as process:
        yield process


def test_a_change_must_name_the_version_that_it_replaces(saved: Saved) -> None:
    first = saved.put("dashboard", "costs", {"title": "Costs «live»"}, expected=0)
    assert saved.all("dashboard") == [SavedObject("dashboard", "costs", {"title": "Costs «live»"}, first)]
    with pytest.raises(ConflictError, match="somebody has changed it meanwhile"):
        saved.put("dashboard", "costs", {}, expected=0)
    second = saved.put("dashboard", "costs", {"title": "Costs"}, expected=first)
    assert second > first
    with pytest.raises(ConflictError):
        saved.delete("dashboard", "costs", expected=first)
    saved.put("dashboard", "a.second-one", {})
    saved.delete("dashboard", "costs", expected=second)
    assert [each.id for each in saved.all("dashboard")] == ["a.second-one"]
    with pytest.raises(ConflictError, match="not there any more"):
        saved.put("dashboard", "costs", {}, expected=second)
    assert saved.all("alert_rule") == []


@pytest.mark.parametrize(
    ("kind", "object_id", "reason"),
    [("Dash", "x", "is no kind"), ("dashboard", "x' OR 1", "is no id"), ("dashboard", "x" * 101, "is no id")],
)
def test_names_that_would_not_do_are_refused(saved: Saved, kind: str, object_id: str, reason: str) -> None:
    with pytest.raises(SavedError, match=reason):
        saved.put(kind, object_id, {})


def test_what_is_no_small_json_object_is_refused(running: CollectorProcess) -> None:
    def put(content: bytes, kind: str = "application/json", **headers: str) -> int:
        url = f"{running.otlp}/v1/saved/dashboard/x"
        return httpx.put(url, content=content, headers={"Content-Type": kind, **headers}, verify=PLAIN).status_code

    assert put(b"[]") == 400
    assert put(b"{") == 400
    assert put(b"{}", "text/plain") == 415
    assert put(b'{"a": "' + b"x" * (256 << 10) + b'"}') == 413
    assert put(b"{}", **{"If-Match": "7"}) == 400
    assert put(b"{}") == 200


def test_a_collector_that_is_away_is_named() -> None:
    with (
        closing(Saved("http://127.0.0.1:9")) as nobody,
        pytest.raises(SavedError, match=r"the collector at http://127\.0\.0\.1:9 does not answer"),
    ):
        nobody.all("dashboard")

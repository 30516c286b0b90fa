"""What a screen limits itself to, and what it searches for, from what a browser says."""

import pytest

from quarterdeck_ui.history_feed import run_search
from quarterdeck_ui.queries import RunSearch
from quarterdeck_ui.scope import Scope, scope_of

NOW = 10_000_000_000_000_000_000
MS = 1_000_000


def test_a_range_ends_now_or_lies_between_two_times() -> None:
    assert scope_of({"range": {"seconds": 3600}}).bounds(NOW) == (NOW - 3600 * 10**9, 0)
    assert scope_of({"range": {"from": 1000, "to": 2000}}).bounds(NOW) == (1000 * MS, 2000 * MS)
    assert scope_of({"range": {"from": None, "to": 2000}}).bounds(NOW) == (0, 2000 * MS)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"range": 7, "filter": [1]},
        {"range": {"seconds": "soon", "from": -1, "to": True}, "filter": {"environment": None}},
        {"range": {"seconds": float("nan"), "to": float("inf")}},
    ],
)
def test_what_makes_no_sense_limits_nothing(nonsense: dict[str, object]) -> None:
    assert scope_of(nonsense) == Scope()


def test_a_place_that_is_not_known_yet_is_not_hidden() -> None:
    scope = scope_of({"filter": {"environment": "prod", "service": "web"}})
    places = [("prod", "web"), (None, "web"), (None, None), ("", "web"), ("test", "web"), ("prod", "batch")]
    assert [scope.fits(*place) for place in places] == [True, True, True, False, False, False]


def test_a_search_is_read_word_by_word_and_bound_by_bound() -> None:
    said = {"text": " boom  r1 ", "statuses": ["failed", "lost", "paused"], "model": "opus", "cost_from": 0.5,
            "seconds_to": "long", "cost_to": None}  # fmt: skip
    wanted = RunSearch(("boom", "r1"), ("", "failed"), "", "opus", cost_from=0.5, environment="prod")
    assert run_search(said, Scope(environment="prod")) == wanted
    assert run_search({"statuses": "failed", "text": 5}, Scope()) == RunSearch(words=("5",))

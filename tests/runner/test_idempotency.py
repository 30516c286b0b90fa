"""The same request sent twice is done once; lists come in pages that skip and double nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_runner.request_store import LONGEST_S, Claim, InFlightError, Kept, OtherRequestError, Requests
from quarterdeck_runner.settings import Settings
from support.postgres import binaries, postgres
from support.runner import Runner, process

HELLO = "name: hello\ninputs: {who: {type: string, default: you}}\nsteps: [{name: a, type: echo, value: hello}]\n"


def count(runner: Runner) -> int:
    return len(runner.http.get("/v1/runs", params={"limit": 1000}).json()["runs"])


def test_a_request_sent_again_is_answered_again_not_done_again(runner: Runner) -> None:
    runner.pipeline(HELLO)
    before = count(runner)
    body = {"pipeline": "hello"}
    first, second = (runner.http.post("/v1/runs", json=body, headers={"idempotency-key": "k1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert second.headers["content-type"] == first.headers["content-type"]
    assert count(runner) == before + 1
    other = runner.http.post("/v1/runs", json={**body, "inputs": {"who": "me"}}, headers={"idempotency-key": "k1"})
    assert (other.status_code, other.json()["title"]) == (422, "The idempotency key cannot be used")
    assert "used for another request" in other.json()["detail"]
    elsewhere = runner.http.post(f"/v1/runs/{first.json()['id']}/cancel", headers={"idempotency-key": "k1"})
    assert elsewhere.status_code == 422
    assert runner.http.post("/v1/runs", json=body, headers={"idempotency-key": "k2"}).json()["id"] != first.json()["id"]


def test_a_refusal_is_judged_anew(runner: Runner) -> None:
    body, key = {"pipeline": "late"}, {"idempotency-key": "late"}
    assert runner.http.post("/v1/runs", json=body, headers=key).status_code == 404
    runner.pipeline(HELLO.replace("hello", "late"))
    assert runner.http.post("/v1/runs", json=body, headers=key).status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_what_is_no_key(runner: Runner, key: str) -> None:
    sent = {b"idempotency-key": key.encode("latin-1")}
    answer = runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers=sent)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_request_in_flight_is_not_begun_twice(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    runner.pipeline(HELLO)
    began, go = threading.Event(), threading.Event()
    original = runner.app.state.parts.catalogue.find

    def slow(name: str) -> object:
        began.set()
        go.wait(90)
        return original(name)

    monkeypatch.setattr(runner.app.state.parts.catalogue, "find", slow)
    answers = []

    def ask() -> None:
        answers.append(
            runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers={"idempotency-key": "slow"}).status_code
        )

    first = threading.Thread(target=ask)
    first.start()
    assert began.wait(90)
    second = runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers={"idempotency-key": "slow"})
    go.set()
    first.join()
    assert (second.status_code, second.headers["retry-after"], answers) == (409, "1", [202])


@pytest.fixture(params=["SQLite", "Postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database, as SQLAlchemy writes it."""
    if request.param == "SQLite":
        yield Settings(data_dir=tmp_path).database_url
        return
    programs = binaries()
    if programs is None:
        pytest.skip("there is no Postgres on this machine: install the package postgresql to run these tests")
    with postgres(programs) as url:
        yield Settings(runner_db=url).database_url


def test_keys_of_one_token_are_not_those_of_another(database: str) -> None:
    requests = Requests(database)
    requests.open()
    first = requests.claim("ci", "k", "f1")
    assert isinstance(first, Claim)
    assert isinstance(requests.claim("me", "k", "f2"), Claim)
    with pytest.raises(OtherRequestError):
        requests.claim("ci", "k", "f2")
    with pytest.raises(InFlightError):
        requests.claim("ci", "k", "f1")
    kept = Kept(202, [("content-type", "application/json")], "{}")
    requests.finish("ci", "k", kept)
    assert requests.claim("ci", "k", "f1") == kept
    requests.close()


def test_a_request_that_a_crash_cut_off_is_taken_up_with_the_same_id(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/r.sqlite"
    crashed, started = Requests(url), Requests(url)
    crashed.open()
    first = crashed.claim("", "k", "f")
    assert isinstance(first, Claim)
    started.open()
    assert started.claim("", "k", "f") == Claim(first.reserved, again=True)
    with pytest.raises(InFlightError):
        started.claim("", "k", "f")
    crashed.finish("", "k", Kept(202, [], "too late"))
    with pytest.raises(InFlightError):
        started.claim("", "k", "f")
    crashed.close()
    started.close()


def test_a_request_that_another_machine_left_open_is_taken_up_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/r.sqlite"
    here, there = Requests(url), Requests(url)
    here.open()
    monkeypatch.setattr("quarterdeck_runner.request_store.time.time_ns", lambda: 10**18)
    first = there.claim("", "k", "f")
    assert isinstance(first, Claim)
    with pytest.raises(InFlightError):
        here.claim("", "k", "f")
    monkeypatch.setattr("quarterdeck_runner.request_store.time.time_ns", lambda: 10**18 + LONGEST_S * 10**9)
    assert here.claim("", "k", "f") == Claim(first.reserved, again=True)
    here.close()
    there.close()


def test_answers_outlive_the_process(tmp_path: Path) -> None:
    key = {"idempotency-key": "k"}
    with process(tmp_path, {}) as (_, runner):
        runner.pipeline(HELLO)
        first = runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers=key)
    with process(tmp_path, {}) as (_, runner):
        assert runner.http.post("/v1/runs", json={"pipeline": "hello"}, headers=key).content == first.content
        assert count(runner) == 1


def test_pages_of_runs_skip_and_double_nothing_while_new_ones_come(runner: Runner) -> None:
    runner.pipeline(HELLO)
    ids = [runner.start("hello") for _ in range(5)]
    beat = {
        "service": "s",
        "runs": [{"id": "py", "pipeline": "p", "status": "running", "trace_id": "0" * 31 + "1"}],
    }
    assert runner.http.post("/v1/heartbeats", json=beat).status_code == 200
    ids.append("py")
    seen, cursor = [], None
    while True:
        page = runner.http.get("/v1/runs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [run["id"] for run in page["runs"]]
        assert len(page["runs"]) <= 2
        runner.start("hello")
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen[:6] == ids[::-1]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("cursor", ["x", "!!", "W10", "WzEsMl0", "WzksICJhIl0=="])
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/pipelines"])
def test_what_is_no_cursor(runner: Runner, path: str, cursor: str) -> None:
    answer = runner.http.get(path, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["detail"]) == (
        422, "cursor: this is no cursor of this list; begin without one"
    )  # fmt: skip

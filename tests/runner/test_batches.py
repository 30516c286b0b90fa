"""Batches over REST, against the provider stand-in."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from quarterdeck.runner_client import RunnerClient, RunnerError
from support.runner import PATIENCE, Runner, eventually

ASK = """
workflow:
  name: ask
  inputs: {word: {type: string}, mark: {type: string, default: ""}}
  steps:
    - {name: answer, type: claude, model: haiku, prompt: "[[say:re {{ inputs.word }}]]{{ inputs.mark }}"}
"""
PLAIN = ASK.replace("[[say:re {{ inputs.word }}]]", "{{ inputs.word }} ").replace("name: ask", "name: plain")
ECHO = ASK.replace("claude, model: haiku", "echo").replace("name: ask", "name: repeat")
SLOW = "[[n:3000]][[delay:0.02]]"


def asked(stand_in: str, marker: str) -> int:
    """How often the stand-in was asked with a prompt that holds a word."""
    return sum(marker in str(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json())


def start(runner: Runner, items: list[dict[str, Any]], pipeline: str = ASK, **options: Any) -> str:
    """Start a batch and give its path."""
    answer = runner.http.post("/v1/batches", json={"pipeline": runner.pipeline(pipeline), "items": items, **options})
    assert answer.status_code == 202, answer.text
    return f"/v1/batches/{answer.json()['id']}"


def read(runner: Runner, path: str) -> dict[str, Any]:
    found: dict[str, Any] = runner.http.get(path).json()
    return found


def until(runner: Runner, path: str, status: str, **items: int) -> dict[str, Any]:
    """Wait until a batch has a status, and so many items of each."""

    def fits() -> dict[str, Any] | None:
        batch = read(runner, path)
        return batch if batch["status"] == status and {**batch["items"], **items} == batch["items"] else None

    found: dict[str, Any] = eventually(fits)
    return found


def tell(runner: Runner, path: str, command: str, **body: Any) -> httpx.Response:
    return runner.http.post(f"{path}/{command}", json=body) if body else runner.http.post(f"{path}/{command}")


def test_every_row_is_run_and_its_result_kept(runner: Runner) -> None:
    path = start(runner, [{"word": "one"}, {"word": "two", "mark": "[[error:400]]"}, {"word": "three"}], name="three")
    batch = until(runner, path, "completed")
    assert {key: batch[key] for key in ("kind", "name", "status", "reason", "actions", "unpriced_calls")} == {
        "kind": "batch", "name": "three", "status": "completed", "reason": None, "actions": ["rerun"],
        "unpriced_calls": 0,
    }  # fmt: skip
    assert batch["items"] == {"total": 3, "pending": 0, "running": 0, "completed": 2, "failed": 1, "cancelled": 0}
    items = read(runner, f"{path}/items")["items"]
    assert [(each["line"], each["status"], each["output"], each["attempts"]) for each in items] == [
        (1, "completed", "re one", 1), (2, "failed", None, 1), (3, "completed", "re three", 1),
    ]  # fmt: skip
    assert items[1]["error"].startswith("ask.yaml:6: step 'answer': Claude answered 400")
    assert items[0]["inputs"] == {"word": "one", "mark": ""}
    run = runner.run(items[0]["run_id"])
    assert (run["status"], run["output"]) == ("completed", "re one")
    assert batch["cost_usd"] == pytest.approx(items[0]["cost_usd"] + items[2]["cost_usd"])
    assert batch["input_tokens"] == sum(each["input_tokens"] for each in items) > 0


def test_results_come_as_csv_and_json_lines(runner: Runner) -> None:
    words = [f'say "{number}", please' for number in range(450)]
    path = start(runner, [{"word": word} for word in words], ECHO, concurrency=1)
    eventually(lambda: read(runner, path)["items"]["completed"] >= 2)
    tell(runner, path, "pause")
    until(runner, path, "paused", running=0)
    lines = [json.loads(line) for line in runner.http.get(f"{path}/results.jsonl").text.splitlines()]
    assert [line["inputs"]["word"] for line in lines] == words
    table = runner.http.get(f"{path}/results.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["number"], row["line"], row["status"], row["inputs.word"], row["run_id"]) for row in rows] == [
        (str(number), str(number), line["status"], word, line["run_id"] or "")
        for number, (word, line) in enumerate(zip(words, lines, strict=True), 1)
    ]
    assert [row["output"] for row in rows[:2]] == [f"[[say:re {word}]]" for word in words[:2]]


def test_items_come_in_pages(runner: Runner) -> None:
    path = start(runner, [{"word": str(n)} for n in range(5)], ECHO)
    until(runner, path, "completed")
    pages: list[list[int]] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = runner.http.get(f"{path}/items", params={"limit": 2, "cursor": cursor, "status": "completed"}).json()
        pages.append([item["number"] for item in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/csv", "word,mark\nsea,\nsky,x\n"),
        ("application/x-ndjson", '{"word": "sea"}\n{"word": "sky", "mark": "x"}'),
    ],
)
def test_a_file_is_a_batch(runner: Runner, kind: str, text: str) -> None:
    name = runner.pipeline(ASK)
    answer = runner.http.post(
        "/v1/batches/upload", params={"pipeline": name}, content=text, headers={"content-type": kind}
    )
    assert answer.status_code == 202, answer.text
    path = f"/v1/batches/{answer.json()['id']}"
    until(runner, path, "completed", completed=2)
    assert [item["inputs"] for item in read(runner, f"{path}/items")["items"]] == [
        {"word": "sea", "mark": ""}, {"word": "sky", "mark": "x"},
    ]  # fmt: skip


def test_bad_rows_are_named_and_nothing_runs(runner: Runner, stand_in: str) -> None:
    name = runner.pipeline(ASK)
    text = "word,mark\nbad-rows-1,\n,bad-rows-2\nbad-rows-3,x,y\n"
    answer = runner.http.post("/v1/batches", json={"pipeline": name, "csv": text})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "The rows do not fit",
        "status": 422,
        "detail": "line 3: 'word' needs a value of type string; "
        "line 4: has 3 cells, but there are 2 columns: word, mark",
        "errors": [
            {"line": 3, "input": "word", "message": "needs a value of type string"},
            {"line": 4, "input": "", "message": "has 3 cells, but there are 2 columns: word, mark"},
        ],
    }
    assert asked(stand_in, "bad-rows") == 0


def test_a_check_predicts_the_cost_and_runs_nothing(runner: Runner, stand_in: str) -> None:
    first = start(runner, [{"word": "check-first"}], PLAIN)
    once = until(runner, first, "completed")
    words = [{"word": f"check-{number:05}"} for number in range(100)]
    before = asked(stand_in, "check-")
    answer = runner.http.post("/v1/batches/check", json={"pipeline": "plain", "items": words})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["items"], found["sampled"], found["waits_for"]) == (100, 20, [])
    assert 0 < found["cost_usd"] < found["max_cost_usd"]
    assert asked(stand_in, "check-") == before
    assert runner.http.get("/v1/batches", params={"limit": 1}).json()["batches"][0]["id"] == once["id"]
    refused = runner.http.post("/v1/batches/check", json={"pipeline": "plain", "items": [{"wort": "x"}]})
    assert (refused.status_code, refused.json()["title"]) == (422, "The rows do not fit")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"pipeline": "nope", "items": [{}]}, 404, "there is no pipeline 'nope'"),
        ({"pipeline": "ask", "items": [{"word": "x"}], "csv": "word\nx"}, 422, "in one of `items`, `csv` and `jsonl`"),
        ({"pipeline": "ask"}, 422, "in one of `items`, `csv` and `jsonl`"),
        ({"pipeline": "ask", "items": [{"word": "x"}], "concurrency": 0}, 422, "concurrency: "),
        ({"pipeline": "ask", "items": [{"word": "x"}], "max_cost_usd": 0}, 422, "max_cost_usd: "),
        (
            {"pipeline": "unpriced", "items": [{"word": "x"}], "max_cost_usd": 1},
            422,
            "the price of model 'claude-unheard-of'",
        ),
    ],
)
def test_what_cannot_be_a_batch_is_refused(runner: Runner, body: dict[str, Any], status: int, detail: str) -> None:
    runner.pipeline(ASK)
    runner.pipeline(ASK.replace("haiku", "claude-unheard-of").replace("name: ask", "name: unpriced"))
    answer = runner.http.post("/v1/batches", json=body)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


def test_a_file_of_another_kind_or_encoding_is_refused(runner: Runner) -> None:
    name = runner.pipeline(ASK)

    def post(content: bytes, kind: str) -> tuple[int, str]:
        headers = {"content-type": kind}
        answer = runner.http.post("/v1/batches/upload", params={"pipeline": name}, content=content, headers=headers)
        return answer.status_code, answer.json()["detail"]

    assert post(b"word\nx", "application/pdf")[0] == 415
    assert post(b"word\nfine\n\xff", "text/csv") == (422, "line 3 is no UTF-8 text: save the file as UTF-8")


def test_a_pause_lets_running_items_end_and_a_resume_goes_on(runner: Runner, stand_in: str) -> None:
    marks = [{"word": f"pause-{n}", "mark": "[[n:30]][[delay:0.02]]"} for n in range(4)]
    path = start(runner, marks, PLAIN, concurrency=1)
    until(runner, path, "running", running=1)
    assert tell(runner, path, "pause").json()["status"] == "paused"
    paused = until(runner, path, "paused", running=0, completed=1)
    assert paused["actions"] == ["resume", "stop"]
    assert tell(runner, path, "pause").status_code == 409
    assert tell(runner, path, "resume", concurrency=4).json()["concurrency"] == 4
    until(runner, path, "completed", completed=4)
    assert asked(stand_in, "pause-") == 4


def test_a_stop_breaks_items_off_and_a_resume_begins_them_anew(runner: Runner, stand_in: str) -> None:
    path = start(runner, [{"word": f"stop-{n}", "mark": SLOW} for n in range(3)], PLAIN, concurrency=2)
    until(runner, path, "running", running=2)
    eventually(lambda: asked(stand_in, "stop-") == 2)
    stopped = tell(runner, path, "stop").json()
    assert (stopped["status"], stopped["reason"], stopped["actions"]) == ("stopped", None, ["resume"])
    assert stopped["items"] == {"total": 3, "pending": 3, "running": 0, "completed": 0, "failed": 0, "cancelled": 0}
    broken_off = read(runner, f"{path}/items")["items"][0]["run_id"]
    assert runner.run(broken_off)["status"] == "cancelled"
    assert tell(runner, path, "resume").json()["status"] == "running"
    until(runner, path, "running", running=2)
    again = read(runner, f"{path}/items")["items"][0]
    assert (again["attempts"], again["run_id"] != broken_off) == (2, True)
    assert tell(runner, path, "stop").status_code == 202


def test_only_failed_items_are_done_again(runner: Runner, stand_in: str) -> None:
    path = start(runner, [{"word": "again-fine"}, {"word": "again-shaky", "mark": "[[errn:1:400]]"}])
    failed = until(runner, path, "completed", failed=1)
    assert tell(runner, path, "rerun").json()["status"] == "running"
    done = until(runner, path, "completed", completed=2)
    assert (asked(stand_in, "again-fine"), asked(stand_in, "again-shaky")) == (1, 2)
    assert done["cost_usd"] > failed["cost_usd"]
    assert [item["attempts"] for item in read(runner, f"{path}/items")["items"]] == [1, 2]
    refused = tell(runner, path, "rerun")
    assert (refused.status_code, refused.json()["title"]) == (409, "The state of the batch does not allow this")


def test_an_item_that_was_cancelled_by_itself_can_be_done_again(runner: Runner) -> None:
    path = start(runner, [{"word": "a", "mark": SLOW}, {"word": "b"}], PLAIN)
    item = eventually(lambda: (first := read(runner, f"{path}/items")["items"][0])["run_id"] and first)
    eventually(lambda: runner.tell(item["run_id"], "cancel").status_code == 202)
    batch = until(runner, path, "completed", completed=1, cancelled=1)
    assert batch["actions"] == ["rerun"]


def test_the_cost_limit_stops_the_batch(runner: Runner, stand_in: str) -> None:
    items = [{"word": f"limit-{n}", "mark": "[[n:100]]"} for n in range(6)]
    once = start(runner, items[:1], PLAIN)
    each = until(runner, once, "completed")["cost_usd"]
    path = start(runner, items[1:], PLAIN, concurrency=4, max_cost_usd=each * 2.5)
    stopped = until(runner, path, "stopped", running=0)
    assert stopped["items"]["completed"] == 2
    assert stopped["cost_usd"] <= each * 2.5
    assert stopped["actions"] == ["resume", "stop"]
    assert stopped["reason"].startswith(f"the cost limit of {each * 2.5:g} USD is reached: ")
    assert asked(stand_in, "limit-") == 3
    tell(runner, path, "resume", max_cost_usd=each * 10)
    until(runner, path, "completed", completed=5)


def test_batches_are_listed_newest_first(runner: Runner) -> None:
    paths = [start(runner, [{"word": "x"}], ECHO) for _ in range(2)]
    listed = runner.http.get("/v1/batches", params={"limit": 2}).json()["batches"]
    assert [f"/v1/batches/{batch['id']}" for batch in listed] == paths[::-1]
    assert runner.http.get("/v1/batches/nope").status_code == 404


def test_a_program_checks_starts_follows_and_reads_a_batch(runner: Runner) -> None:
    batches = RunnerClient(str(runner.http.base_url), timeout_s=PATIENCE).batches
    name = runner.pipeline(ASK)
    rows = "word,mark\none,\ntwo,[[error:400]]\n"
    assert (found := batches.check(name, rows, "csv"))["items"] == 2
    assert found["max_cost_usd"]
    with pytest.raises(RunnerError, match="line 2: 'wrod'"):
        batches.start(name, '{"word": "a"}\n{"wrod": "b"}\n', "jsonl")
    batch = batches.start(name, rows, "csv", concurrency=2, max_cost_usd=1.0, name="from a program")
    done = eventually(lambda: (now := batches.get(batch["id"]))["status"] == "completed" and now)
    assert (done["name"], done["items"]["failed"], done["actions"]) == ("from a program", 1, ["rerun"])
    assert done["id"] in {each["id"] for each in batches.newest()}
    page = batches.items(batch["id"], "failed")
    assert ([each["line"] for each in page["items"]], page["next_cursor"]) == ([3], None)
    assert batches.items(batch["id"], limit=1)["next_cursor"] == "1"
    assert [json.loads(line)["number"] for line in batches.results(batch["id"], "jsonl").splitlines()] == [1, 2]
    assert batches.results(batch["id"], "csv").startswith(b"number,line,status")
    batches.steer(batch["id"], "rerun")
    eventually(
        lambda: batches.items(batch["id"], "failed")["items"] and batches.get(batch["id"])["status"] == "completed"
    )
    assert [each["attempts"] for each in batches.items(batch["id"])["items"]] == [1, 2]
    with pytest.raises(RunnerError, match="no batch"):
        batches.results("none", "csv")

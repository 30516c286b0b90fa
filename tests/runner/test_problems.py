"""What bad requests are answered."""

from typing import Any

import pytest

from support.runner import Runner

PIPELINE = """
workflow:
  name: needy
  inputs:
    topic: {type: string}
    depth: {type: integer, default: 2}
  steps: [{name: a, type: echo, value: "{{ inputs.topic }}"}]
"""

REFUSED = "step 'a': the step type 'bash' is refused: shell commands are not run from pipelines"


@pytest.mark.parametrize(
    ("body", "status", "title", "detail", "errors"),
    [
        (
            {"pipeline": "needi"}, 404, "Pipeline not found",
            "there is no pipeline 'needi'; did you mean 'needy'?", None,
        ),
        (
            {"pipeline": "needy"}, 422, "The inputs do not fit",
            "input 'topic': needs a value of type string",
            [{"input": "topic", "message": "needs a value of type string"}],
        ),
        (
            {"pipeline": "needy", "inputs": {"topic": 3, "dept": 1, "depth": True}}, 422, "The inputs do not fit",
            (
                "input 'dept': the pipeline has no input 'dept'; did you mean 'depth'?; "
                "input 'topic': must be of type string, not integer; "
                "input 'depth': must be of type integer, not boolean"
            ),
            [
                {"input": "dept", "message": "the pipeline has no input 'dept'; did you mean 'depth'?"},
                {"input": "topic", "message": "must be of type string, not integer"},
                {"input": "depth", "message": "must be of type integer, not boolean"},
            ],
        ),
        (
            {"pipelin": "needy"}, 422, "The request is not valid",
            "pipeline: Field required; pipelin: Extra inputs are not permitted",
            [
                {"field": "pipeline", "message": "Field required"},
                {"field": "pipelin", "message": "Extra inputs are not permitted"},
            ],
        ),
        (
            {"pipeline": "broken"}, 409, "The pipeline has errors",
            f"broken.yaml:3:27: error: {REFUSED}",
            [{
                "line": 3, "column": 27, "severity": "error", "file": "broken.yaml",
                "message": REFUSED,
            }],
        ),
    ],
)  # fmt: skip
def test_runs_that_cannot_be_started(
    runner: Runner, *, body: dict[str, Any], status: int, title: str, detail: str, errors: Any
) -> None:
    runner.pipeline(PIPELINE)
    runner.pipeline("workflow:\n  name: broken\n  steps: [{name: a, type: bash}]")
    answer = runner.http.post("/v1/runs", json=body)
    expected = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    assert answer.json() == (expected if errors is None else {**expected, "errors": errors})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/v1/runs/nope", 404, "there is no run 'nope'"),
        ("POST", "/v1/runs/nope/cancel", 404, "there is no run 'nope'"),
        ("GET", "/v1/pipelines/nope/x", 404, "there is no pipeline 'nope/x'; there are "),
        ("GET", "/v1/runs?limit=0", 422, "limit: Input should be greater than or equal to 1"),
        ("GET", "/v1/runs?status=old", 422, "status: Input should be 'active' or 'all'"),
        ("GET", "/v2", 404, "there is nothing at /v2; /docs describes what there is"),
        ("DELETE", "/v1/runs", 405, "DELETE is not for /v1/runs; it takes "),
    ],
)
def test_other_bad_requests(runner: Runner, method: str, path: str, status: int, detail: str) -> None:
    runner.pipeline(PIPELINE)
    answer = runner.http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith(detail)


def test_a_run_that_has_ended_cannot_be_steered(runner: Runner) -> None:
    run_id = runner.start(runner.pipeline(PIPELINE), topic="x")
    runner.result(run_id)
    for command, needed in (
        ("pause", "waiting or running"),
        ("resume", "paused"),
        ("cancel", "waiting, running or paused"),
    ):
        answer = runner.tell(run_id, command)
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            f"run {run_id} is completed; only a run that is {needed} can be told to {command}"
        )


def test_the_catalogue_follows_the_folder(runner: Runner) -> None:
    runner.pipeline(PIPELINE)
    listed = runner.http.get("/v1/pipelines").json()
    assert listed["hint"] == ""
    found = {each["name"]: each for each in listed["pipelines"]}
    version = found["needy"].pop("version")
    assert len(version) == 12
    assert found["needy"] == {
        "name": "needy",
        "kind": "yaml",
        "description": "",
        "file": "needy.yaml",
        "env": {},
        "input_schema": {
            "type": "object",
            "properties": {"topic": {"type": "string"}, "depth": {"type": "integer", "default": 2}},
            "required": ["topic"],
            "additionalProperties": False,
        },
        "inputs": [
            {"name": "topic", "type": "string", "default": None, "required": True, "description": ""},
            {"name": "depth", "type": "integer", "default": 2, "required": False, "description": ""},
        ],
        "steps": [{"name": "a", "type": "echo", "model": None}],
        "diagnostics": [],
        "runnable": True,
    }
    (runner.folder / "needy.yaml").write_text("workflow: [")
    (runner.folder / "binary.yml").write_bytes(b"\xff\xfe")
    runner.pipeline("name: twin\nsteps: [{name: a, type: echo}]", "twin_1")
    runner.pipeline("name: twin\nsteps: [{name: a, type: echo}]", "twin_2")
    entries = runner.http.get("/v1/pipelines").json()["pipelines"]
    shown = {each["file"]: (each["runnable"], [d["message"] for d in each["diagnostics"]]) for each in entries}
    assert shown["binary.yml"] == (False, ["the file is no UTF-8 text"])
    assert shown["twin_1.yaml"] == (True, [])
    assert shown["twin_2.yaml"] == (False, ["the name 'twin' is already used by twin_1.yaml: choose another"])
    assert shown["needy.yaml"][0] is False
    for file in shown:
        (runner.folder / file).unlink()
    assert runner.http.get("/v1/pipelines").json() == {
        "pipelines": [],
        "hint": f"the folder {runner.folder} has no *.yaml file yet",
        "next_cursor": None,
    }


def test_a_file_that_a_prompt_names_may_come_later(runner: Runner) -> None:
    name = runner.pipeline("name: later\nsteps: [{name: a, type: echo, prompt: [{type: file, path: later.txt}]}]")
    url = f"/v1/pipelines/{name}"
    assert runner.http.get(url).json()["runnable"] is False
    (runner.folder / "later.txt").write_text("here")
    assert runner.http.get(url).json()["runnable"] is True
    assert runner.result(runner.start(name))["output"] == "here"


def test_health_and_documentation(runner: Runner) -> None:
    assert runner.http.get("/healthz").json() == {"status": "ok"}
    ready = runner.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert set(ready.json()["checks"]) == {"database", "pipelines"}

"""Decorated functions of a module: described from their type hints, run in a process of their own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import quarterdeck as qd
from quarterdeck_runner.app import create_app
from quarterdeck_runner.settings import Settings
from support.otlp_receiver import Receiver
from support.runner import PATIENCE, Runner, eventually
from support.servers import serve

FLOWS = '''
import ctypes, dataclasses, enum, os, subprocess, sys, time
from typing import Literal, Optional

import quarterdeck as qd


class Mood(enum.Enum):
    CALM = "calm"
    STORMY = "stormy"


@dataclasses.dataclass
class Place:
    name: str
    depth: float = 1.5


@qd.step
def look(where: str) -> str:
    print("looking at", where)
    return where.upper()


@qd.pipeline("voyage", version="3")
def travel(
    port: str,
    days: int = 2,
    speed: float = 7.5,
    dry: bool = False,
    stops: list[str] = ["A"],
    notes: dict[str, int] = {},
    kind: Literal["coast", "sea"] = "coast",
    mood: Mood = Mood.CALM,
    place: Optional[Place] = None,
):
    """Sail somewhere.

    And come back.
    """
    seen = [look(each) for each in stops]
    return {"seen": seen, "mood": mood, "place": place, "env": os.environ.get("REGION"), "days": days}


@qd.pipeline
async def numbers(upto: int):
    for number in range(upto):
        yield number


@qd.pipeline
def failing():
    raise LookupError("no such port")


@qd.pipeline
def crash(how: str):
    print("about to go", file=sys.stderr, flush=True)
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    return bytearray(1 << 40)


@qd.pipeline
def endless(mark: str):
    for number in range(100_000):
        tick(mark)


@qd.step
def tick(mark: str) -> None:
    with open(mark, "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0.01)


@qd.pipeline
def stubborn(mark: str):
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(mark, "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(600)


@qd.pipeline
def not_by_name(first, /):
    return first


@qd.pipeline
def no_json(path: subprocess.Popen):
    return path
'''


@pytest.fixture(scope="module")
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Runner]:
    """A runner with the module above and one that is broken."""
    data = tmp_path_factory.mktemp("data")
    (data / "pipelines").mkdir()
    (data / "flows_of_test.py").write_text(FLOWS)
    (data / "broken_of_test.py").write_text("import no_such_module_anywhere\n")
    qd.shutdown()
    with pytest.MonkeyPatch.context() as patch, serve(receiver.app()) as collector:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(data), *filter(None, sys.path)]))
        patch.setenv("QUARTERDECK_TOKEN", "qdt_not_for_programs_of_users")
        qd.init(endpoint=collector, runner_url="", service_name="runner", token="t")
        settings = Settings(
            data_dir=data,
            pipelines=data / "pipelines",
            runner_db=None,
            modules=["flows_of_test", "broken_of_test", "no_such_module"],
        )
        with serve(create_app(settings)) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
            yield Runner(http, data / "pipelines", data, None)  # type: ignore[arg-type]  # spans go to the receiver
        qd.shutdown()


@pytest.fixture(scope="module")
def catalogue(runner: Runner) -> dict[str, Any]:
    return {each["name"]: each for each in runner.http.get("/v1/pipelines").json()["pipelines"]}


def test_inputs_come_from_type_hints(catalogue: dict[str, Any]) -> None:
    voyage = catalogue["voyage"]
    assert (voyage["kind"], voyage["version"], voyage["file"], voyage["runnable"]) == (
        "python",
        "3",
        "flows_of_test.py",
        True,
    )
    assert voyage["description"] == "Sail somewhere.\n\nAnd come back."
    assert [(each["name"], each["type"], each["default"], each["required"]) for each in voyage["inputs"]] == [
        ("port", "string", None, True),
        ("days", "integer", 2, False),
        ("speed", "number", 7.5, False),
        ("dry", "boolean", False, False),
        ("stops", "array", ["A"], False),
        ("notes", "object", {}, False),
        ("kind", "string", "coast", False),
        ("mood", "string", "calm", False),
        ("place", "object", None, False),
    ]
    schema = voyage["input_schema"]
    assert schema["required"] == ["port"]
    assert schema["properties"]["kind"]["enum"] == ["coast", "sea"]
    assert schema["$defs"]["Place"]["properties"]["depth"]["default"] == 1.5


def test_what_cannot_be_run_says_why(runner: Runner, catalogue: dict[str, Any]) -> None:
    problems = {name: each["diagnostics"][0]["message"] for name, each in catalogue.items() if not each["runnable"]}
    assert sorted(problems) == ["broken_of_test", "no_json", "no_such_module", "not_by_name"]
    assert "the parameter 'first' of not_by_name cannot be given by name" in problems["not_by_name"]
    assert "'path' of no_json is a Popen, which has no JSON form" in problems["no_json"]
    assert "ModuleNotFoundError: No module named 'no_such_module_anywhere'" in problems["broken_of_test"]
    answer = runner.http.post("/v1/runs", json={"pipeline": "broken_of_test"})
    assert (answer.status_code, answer.json()["title"]) == (409, "The pipeline has errors")


def test_a_run_is_traced_under_its_own_ids_and_its_words_are_logs(runner: Runner, receiver: Receiver) -> None:
    answer = runner.http.post(
        "/v1/runs",
        json={
            "pipeline": "voyage",
            "inputs": {"port": "Kiel", "stops": ["x", "y"], "mood": "stormy", "place": {"name": "z"}},
            "env": {"REGION": "eu"},
        },
    )
    run = runner.result(answer.json()["id"])
    assert (run["status"], run["error"], run["kind"]) == ("completed", None, "python")
    assert run["output"] == {
        "seen": ["X", "Y"],
        "mood": "stormy",
        "place": {"name": "z", "depth": 1.5},
        "env": "eu",
        "days": 2,
    }

    def told() -> list[dict[str, Any]]:
        qd.flush()
        return [span for span in receiver.spans() if span["trace_id"] == run["trace_id"]]

    eventually(lambda: len(told()) >= 3)
    spans = told()
    (root,) = [span for span in spans if span["name"] == "invoke_workflow voyage"]
    steps = [span for span in spans if span["name"] == "step look"]
    assert [(step["parent_id"], step["attributes"]["quarterdeck.step.index"]) for step in steps] == [
        (root["span_id"], 1),
        (root["span_id"], 2),
    ]
    assert {span["attributes"]["quarterdeck.run.id"] for span in spans} == {run["id"]}
    assert root["attributes"]["quarterdeck.run.status"] == "completed"

    def logged() -> list[str]:
        qd.flush()
        return [log["body"] for log in receiver.records("quarterdeck.log") if log["trace_id"] == run["trace_id"]]

    assert eventually(lambda: {"looking at x", "looking at y"} <= set(logged()))


def test_generators_give_all_that_they_yield(runner: Runner) -> None:
    assert runner.result(runner.start("numbers", upto=3))["output"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "input 'port': needs a value"),
        ({"port": 1}, "input 'port': 1 is not of type 'string'"),
        ({"port": "x", "kind": "lake"}, "input 'kind': 'lake' is not one of ['coast', 'sea']"),
        ({"port": "x", "place": {"name": 5}}, "input 'place.name': 5 is not of type 'string'"),
        ({"port": "x", "dayz": 1}, "input 'dayz': the pipeline has no input 'dayz'; did you mean 'days'?"),
    ],
)
def test_inputs_are_checked_before_anything_starts(runner: Runner, inputs: dict[str, Any], problem: str) -> None:
    answer = runner.http.post("/v1/runs", json={"pipeline": "voyage", "inputs": inputs})
    assert answer.status_code == 422
    assert problem in answer.json()["detail"]


@pytest.mark.parametrize(
    ("pipeline", "inputs", "error"),
    [
        ("failing", {}, "LookupError: no such port"),
        ("crash", {"how": "exit"}, "the program ended with exit code 3 before its pipeline returned"),
        ("crash", {"how": "segfault"}, "the program was killed by SIGSEGV"),
        ("crash", {"how": "memory"}, "MemoryError"),
    ],
)
def test_a_crash_ends_the_run_and_nothing_else(
    runner: Runner, pipeline: str, inputs: dict[str, Any], error: str
) -> None:
    run = runner.result(runner.start(pipeline, **inputs))
    assert run["status"] == "failed"
    assert error in run["error"]
    assert runner.http.get("/healthz").status_code == 200
    if "how" in inputs and inputs["how"] != "memory":
        assert "about to go" in run["error"]


def test_pause_resume_and_cancel_reach_the_program(runner: Runner, tmp_path: Path) -> None:
    mark = tmp_path / "ticks"
    run_id = runner.start("endless", mark=str(mark))
    runner.until(run_id, status="running", current_step="tick")
    assert runner.tell(run_id, "pause").json()["pending"] == "pause"
    paused = runner.until(run_id, status="paused")
    assert (paused["pending"], paused["actions"]) == (None, ["resume", "cancel"])
    ticks = len(mark.read_text().splitlines())
    assert runner.tell(run_id, "resume").json()["status"] == "running"
    eventually(lambda: len(mark.read_text().splitlines()) > ticks)
    assert len(set(mark.read_text().splitlines())) == 1
    assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"
    assert not _lives(int(mark.read_text().split()[0]))
    assert runner.run(run_id)["error"] is None


def test_a_program_that_ignores_signals_is_killed_with_all_it_started(runner: Runner, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    run_id = runner.start("stubborn", mark=str(mark))
    pids = eventually(lambda: mark.exists() and [int(word) for word in mark.read_text().split()])
    assert runner.tell(run_id, "cancel").json()["status"] == "cancelled"
    assert eventually(lambda: not any(map(_lives, pids)))


def test_a_retry_does_the_whole_program_again(runner: Runner) -> None:
    failed = runner.result(runner.start("failing"))
    again = runner.http.post(f"/v1/runs/{failed['id']}/retry").json()
    assert again["origin"] == {"run": failed["id"], "relation": "retry", "from_step": None}
    assert runner.result(again["id"])["error"] == failed["error"]
    answer = runner.http.post(f"/v1/runs/{failed['id']}/replay", json={"steps": {"x": {"prompt": "y"}}})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the steps of a Python pipeline are in its code: change it there, and retry the run",
    )


def test_a_changed_module_is_read_again(runner: Runner) -> None:
    (runner.data / "flows_of_test.py").write_text(FLOWS.replace('version="3"', 'version="four"'))
    assert runner.http.get("/v1/pipelines/voyage").json()["version"] == "four"
    (runner.data / "flows_of_test.py").write_text(FLOWS)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"

"""Batches survive the death of the runner."""

import signal
from pathlib import Path

import httpx

from support.runner import eventually, process

PIPELINE = """
workflow:
  name: counted
  inputs: {number: {type: integer}}
  steps:
    - {name: first, type: claude, prompt: "[[say:1]] first-of-{{ inputs.number }}."}
    - {name: second, type: claude, prompt: "[[say:2]] [[delay:0.02]] second-of-{{ inputs.number }}."}
"""


def asked(stand_in: str, number: int) -> tuple[int, int]:
    """How often the two steps of an item asked."""
    bodies = [str(request["body"]) for request in httpx.get(f"{stand_in}/__requests").json()]
    first, second = (sum(f"{step}-of-{number}." in body for body in bodies) for step in ("first", "second"))
    return first, second


def test_a_batch_goes_on_after_a_kill_and_repeats_no_finished_item(
    tmp_path: Path, provider_environment: dict[str, str], stand_in: str
) -> None:
    total, at_once = 40, 4
    with process(tmp_path, provider_environment) as (running, runner):
        runner.pipeline(PIPELINE)
        body = {"pipeline": "counted", "items": [{"number": n} for n in range(total)], "concurrency": at_once}
        path = f"/v1/batches/{runner.http.post('/v1/batches', json=body).json()['id']}"
        eventually(lambda: runner.http.get(path).json()["items"]["completed"] >= total // 4)
        running.send_signal(signal.SIGKILL)
        running.wait()
    before = [asked(stand_in, number) for number in range(total)]
    assert sum(second for _, second in before) < total
    with process(tmp_path, provider_environment) as (_, runner):
        done = eventually(lambda: (batch := runner.http.get(path).json())["status"] == "completed" and batch)
        assert done["items"] == {
            "total": total, "pending": 0, "running": 0, "completed": total, "failed": 0, "cancelled": 0,
        }  # fmt: skip
        items = runner.http.get(f"{path}/items", params={"limit": total}).json()["items"]
        assert [(item["inputs"], item["output"], item["attempts"]) for item in items] == [
            ({"number": number}, "2", 1) for number in range(total)
        ]
    counts = [asked(stand_in, number) for number in range(total)]
    # What was under way when it died may be asked again, and nothing else.
    assert all(first >= 1 and second >= 1 for first, second in counts)
    assert sum(first + second for first, second in counts) <= 2 * total + at_once

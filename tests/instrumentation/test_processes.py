"""Work in other processes joins the run of whoever handed it over, and its spans arrive."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import semconv
from support.otlp_receiver import Receiver

PROGRAM = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor
    import quarterdeck as qd

    def hide(name, text):
        return text.replace("Bob", "B.")

    @qd.step
    def work(n):
        run = qd.current_run()
        with qd.step("inner"):
            return (run.pipeline if run else "", n)

    def main():
        way, method, url = sys.argv[1:]
        qd.init(url, redact=["email", hide])
        context = multiprocessing.get_context(method)
        with qd.pipeline("outer"), qd.step("hand over"):
            if way == "pool":
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    assert list(pool.map(work, ["Bob", "b@example.com"]))[0] == ("outer", "Bob")
            elif way == "carry":
                with context.Pool(1) as pool:  # ends its workers by SIGTERM while they are ending by themselves
                    assert pool.map(qd.carry(work), ["Bob", "b@example.com"])[0] == ("outer", "Bob")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            with qd.pipeline("first", capture="off"):
                pool.submit(work, "quiet").result()
            assert pool.submit(work, "alone").result() == ("", "alone")

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize(
    ("way", "method"), [("pool", "fork"), ("pool", "spawn"), ("carry", "spawn"), ("carry", "fork")]
)
def test_steps_in_worker_processes_belong_to_the_run(
    way: str, method: str, receiver: Receiver, collector: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, str(program), way, method, collector]
    environment = {**os.environ, "OTEL_PROPAGATORS": "none"}  # which is for other services
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert (done.stderr, done.returncode) == ("", 0)

    spans = {span["span_id"]: span for span in receiver.spans()}
    names = {span_id: span["name"] for span_id, span in spans.items()}
    found = sorted(
        (
            span["name"],
            names.get(span["parent_id"], ""),
            span["attributes"].get(semconv.PIPELINE_NAME, ""),
            _input(span),
        )
        for span in spans.values()
        if span["name"].startswith("step")
    )
    assert found == (
        [
            ("step hand over", "invoke_workflow outer", "outer", ""),
            ("step inner", "step work", "", ""),
            ("step inner", "step work", "first", ""),
            *[("step inner", "step work", "outer", "")] * 2,
            ("step work", "", "", "alone"),
            ("step work", "invoke_workflow first", "first", ""),
            ("step work", "step hand over", "outer", "B."),
            ("step work", "step hand over", "outer", "[redacted:email]"),
        ]
    )
    runs = {span["attributes"].get(semconv.RUN_ID) for span in spans.values() if _of(span, "outer")}
    assert len(runs) == 1


def _of(span: dict[str, Any], pipeline: str) -> bool:
    return bool(span["attributes"].get(semconv.PIPELINE_NAME) == pipeline)


def _input(span: dict[str, Any]) -> Any:
    given = span["attributes"].get(semconv.STEP_INPUT)
    return "" if given is None else json.loads(given)["n"]

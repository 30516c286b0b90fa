"""A program that is asked to end by SIGTERM tells so, and dies as it would have died without us."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from quarterdeck import semconv
from support.otlp_receiver import Receiver
from support.waiting import eventually


def start(endpoint: str, code: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "QUARTERDECK_ENDPOINT": endpoint}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, stdout=subprocess.PIPE, text=True
    )


def statuses(receiver: Receiver) -> dict[str, str]:
    return statuses_of({span["name"]: span for span in receiver.spans()})


def statuses_of(spans: dict[str, dict[str, Any]]) -> dict[str, str]:
    found = {
        name: span["attributes"].get(semconv.RUN_STATUS) or span["attributes"].get(semconv.STEP_STATUS)
        for name, span in spans.items()
    }
    return {name: status for name, status in found.items() if status}


SLEEPER = """
    import {imports}
    import quarterdeck as qd
    qd.init()
    {before}
    with qd.pipeline("p"), qd.step("s"):
        print("open", flush=True)
        {sleep}
"""


def terminated(receiver: Receiver, collector: str, **parts: str) -> int:
    given = {"imports": "time", "before": "", "sleep": "time.sleep(60)"} | parts
    with start(collector, SLEEPER.format(**given)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        eventually(lambda: receiver.records(semconv.LIVE_SCOPE))
        process.send_signal(signal.SIGTERM)
        return process.wait(30)


def test_an_open_run_ends_cancelled_and_the_program_dies_by_the_signal(receiver: Receiver, collector: str) -> None:
    assert terminated(receiver, collector) == -signal.SIGTERM
    assert statuses(receiver) == {"step s": "cancelled", "invoke_workflow p": "cancelled"}
    ended = receiver.records(semconv.LIVE_SCOPE)[-1]
    assert (ended["event"], ended["attributes"][semconv.RUN_STATUS]) == (semconv.EVENT_PIPELINE_COMPLETED, "cancelled")


def test_so_does_an_asynchronous_one(receiver: Receiver, collector: str) -> None:
    code = terminated(receiver, collector, imports="asyncio", sleep="asyncio.run(asyncio.sleep(60))")
    assert code == -signal.SIGTERM
    assert set(statuses(receiver).values()) == {"cancelled"}


def test_the_programs_own_handler_is_left_alone(receiver: Receiver, collector: str) -> None:
    own = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    assert terminated(receiver, collector, before=own) == 7
    assert statuses(receiver) == {"step s": "failed", "invoke_workflow p": "failed"}


def test_an_ignored_signal_stays_ignored(receiver: Receiver, collector: str) -> None:
    code = """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        import quarterdeck as qd
        qd.init()
        os.kill(os.getpid(), signal.SIGTERM)
        with qd.pipeline("p"):
            pass
    """
    with start(collector, code) as process:
        assert process.wait(30) == 0
    assert statuses(receiver) == {"invoke_workflow p": "completed"}


def test_a_terminated_child_does_not_end_the_run_of_its_parent(receiver: Receiver, collector: str) -> None:
    code = """
        import os, signal, time
        import quarterdeck as qd
        qd.init()
        with qd.pipeline("parent"):
            time.sleep(0.5)
            child = os.fork()
            if not child:
                with qd.step("child"):
                    time.sleep(60)
            time.sleep(0.5)
            os.kill(child, signal.SIGTERM)
            assert os.waitpid(child, 0)[1] == signal.SIGTERM
    """
    with start(collector, code) as process:
        assert process.wait(30) == 0
    found = [(span["name"], span["attributes"].get(semconv.RUN_STATUS)) for span in receiver.spans()]
    assert sorted(found, key=str) == [("invoke_workflow parent", "completed"), ("step child", None)]


CLAUDE = """
    import anthropic
    client = anthropic.Anthropic(api_key="k", base_url="{stand_in}", max_retries=0)
    for event in client.messages.create(model="claude-opus-5-5", max_tokens=9, messages=[PROMPT], stream=True):
        if event.type == "content_block_delta":
            print("open", flush=True)
"""
CLAUDE_WITHOUT_SPANS = CLAUDE.replace("max_retries=0", "max_retries=0, open_telemetry=False")
GEMINI = """
    from google import genai
    client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url="{stand_in}"))
    for chunk in client.models.generate_content_stream(model="gemini-3.8-flash", contents=PROMPT["content"]):
        print("open", flush=True)
"""


@pytest.mark.parametrize("call", [CLAUDE, CLAUDE_WITHOUT_SPANS, GEMINI], ids=["claude", "silent", "gemini"])
def test_an_open_model_call_ends_with_what_it_has_said(
    call: str, receiver: Receiver, collector: str, stand_in: str
) -> None:
    code = f"""
import quarterdeck as qd
qd.init()
PROMPT = {{"role": "user", "content": "[[say:one two three]] [[delay:30]]"}}
with qd.pipeline("p"), qd.step("s"):
{call.format(stand_in=stand_in)}
"""
    with start(collector, code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    spans = {span["name"].split()[0]: span for span in receiver.spans()}
    assert statuses_of(spans) == {"step": "cancelled", "invoke_workflow": "cancelled"}
    (spoken,) = [span for name, span in spans.items() if name not in {"step", "invoke_workflow"}]
    assert spoken["parent_id"] == spans["step"]["span_id"]
    (message,) = json.loads(spoken["attributes"][semconv.OUTPUT_MESSAGES])
    assert [part["content"].strip() for part in message["parts"]] == ["one"]


ENDING = """
    import os, signal, sys
    import quarterdeck as qd
    from quarterdeck import config, termination

    def line(frame, event, _):
        global left
        left -= event == "line"
        if event == "line" and not left:
            os.kill(os.getpid(), signal.SIGTERM)
        return line

    qd.init()
    with qd.pipeline("parent"):
        pass
    assert qd.flush()
    code, last = 0, 0
    while code in (0, -signal.SIGTERM) and not (last and not code):
        last += 1
        child = os.fork()
        if not child:
            left = last
            with qd.pipeline(f"child {last}"):
                pass
            ours = (config.__file__, termination.__file__)
            sys.settrace(lambda frame, *_: line if frame.f_code.co_filename in ours else None)
            qd.shutdown()
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(last, code)
"""


def test_a_signal_at_any_line_of_the_end_loses_nothing(receiver: Receiver, collector: str) -> None:
    with start(collector, ENDING) as process:
        said, _ = process.communicate(timeout=60)
    last, code = map(int, said.split())
    assert code == 0
    assert last > 20
    sent = {span["name"] for span in receiver.spans()}
    assert sent == {"invoke_workflow parent", *(f"invoke_workflow child {number}" for number in range(1, last + 1))}

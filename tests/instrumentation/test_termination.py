"""A program that is asked to end by SIGTERM tells so, and dies as it would have died without us."""

import os
import signal
import subprocess
import sys
import textwrap

from quarterdeck import semconv
from support.otlp_receiver import Receiver
from support.waiting import eventually


def start(endpoint: str, code: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "QUARTERDECK_ENDPOINT": endpoint}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, stdout=subprocess.PIPE, text=True
    )


def statuses(receiver: Receiver) -> dict[str, str]:
    keys = (semconv.RUN_STATUS, semconv.STEP_STATUS)
    return {
        span["name"]: next(span["attributes"][key] for key in keys if key in span["attributes"])
        for span in receiver.spans()
    }


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

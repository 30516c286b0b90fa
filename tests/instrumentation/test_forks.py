"""Programs that fork after ``init``: every process sends its own spans once, and none waits for another."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.deck import free_ports
from support.otlp_receiver import Receiver
from support.servers import serve
from support.waiting import eventually

WEB = """
import os, threading
import quarterdeck as qd
qd.init()
with qd.pipeline("master"):
    pass

def app(environ, start_response):
    with qd.pipeline(environ["PATH_INFO"].strip("/")), qd.step("answer"):
        start_response("200 OK", [("content-type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


@contextmanager
def gunicorn(folder: Path, endpoint: str, *flags: str) -> Iterator[str]:
    """Two workers that serve ``WEB`` until the block ends, then are ended as a deployment ends them."""
    (folder / "web.py").write_text(WEB)
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", *flags, "web:app"]
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "QUARTERDECK_ENDPOINT": endpoint, "PYTHONPATH": path}
    with (folder / "web.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, cwd=folder)
    try:
        yield eventually(lambda: _listening(folder / "web.log"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, (folder / "web.log").read_text()
    finally:
        process.kill()
        process.wait()


def _listening(log: Path) -> str:
    found = re.search(r"Listening at: (http://\S+)", log.read_text())
    return found[1] if found else ""


def ask(url: str, number: int) -> str:
    with urllib.request.urlopen(f"{url}/run-{number}", timeout=20) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def runs(receiver: Receiver) -> Counter[str]:
    return Counter(name for span in receiver.spans() if (name := span["name"]).startswith("invoke_workflow"))


@pytest.mark.parametrize("flags", [("--preload",), ()], ids=["preloaded", "loaded by each worker"])
def test_workers_of_gunicorn_send_their_own_spans_once(
    flags: tuple[str, ...], receiver: Receiver, collector: str, tmp_path: Path
) -> None:
    with gunicorn(tmp_path, collector, *flags) as url:
        workers = {ask(url, number) for number in range(30)}
    expected = Counter({f"invoke_workflow run-{number}": 1 for number in range(30)})
    expected["invoke_workflow master"] = 1 if flags else 2
    assert runs(receiver) == expected
    assert workers


def test_workers_without_a_collector_leave_their_spans_for_the_next_start(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    with gunicorn(tmp_path, endpoint, "--preload") as url:
        for number in range(10):
            ask(url, number)
    receiver = Receiver()
    with serve(receiver.app(), int(endpoint.rpartition(":")[2])), gunicorn(tmp_path, endpoint, "--preload"):
        eventually(lambda: len(runs(receiver)) == 11)
    expected = Counter({f"invoke_workflow run-{number}": 1 for number in range(10)})
    assert runs(receiver) == expected + Counter({"invoke_workflow master": 2})


PROCESSES = """
    import multiprocessing, sys
    import quarterdeck as qd

    def work(n):
        qd.init(sys.argv[2])
        with qd.pipeline(f"child {n}"):
            pass

    if __name__ == "__main__":
        qd.init(sys.argv[2])
        with qd.pipeline("parent"):
            pass
        context = multiprocessing.get_context(sys.argv[1])
        processes = [context.Process(target=work, args=(n,)) for n in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
"""
CHILDREN = Counter({f"invoke_workflow {name}": 1 for name in ("parent", "child 0", "child 1", "child 2")})


def run(folder: Path, code: str, *arguments: str) -> None:
    (folder / "program.py").write_text(textwrap.dedent(code))
    command = [sys.executable, str(folder / "program.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing(method: str, receiver: Receiver, collector: str, tmp_path: Path) -> None:
    run(tmp_path, PROCESSES, method, collector)
    assert runs(receiver) == CHILDREN


def test_they_keep_their_spans_while_the_collector_is_away(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    run(tmp_path, PROCESSES, "fork", endpoint)
    receiver = Receiver()
    with serve(receiver.app(), int(endpoint.rpartition(":")[2])):
        run(tmp_path, "import sys, quarterdeck as qd; qd.init(sys.argv[1]); assert qd.flush(20)", endpoint)
    assert runs(receiver) == CHILDREN


BUSY = """
    import os, sys, threading
    import quarterdeck as qd
    qd.init(sys.argv[1])
    stop = threading.Event()

    def work(name):
        while not stop.is_set():
            with qd.pipeline(name):
                pass
            stop.wait(0.001)

    busy = [threading.Thread(target=work, args=("busy",)) for _ in range(2)]
    for thread in busy:
        thread.start()
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            with qd.pipeline(f"child {number}"):
                pass
            os._exit(0 if qd.flush(20) else 3)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    stop.set()
    for thread in busy:
        thread.join()
"""


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_forks_in_the_middle_of_sending(protocol: str, receiver: Receiver, collector: str, tmp_path: Path) -> None:
    with receiver.serve_grpc() as port:
        run(tmp_path, BUSY, collector if protocol == "http" else f"grpc://127.0.0.1:{port}")
    ids = Counter(span["span_id"] for span in receiver.spans())
    assert set(ids.values()) == {1}
    assert {name: runs(receiver)[name] for name in runs(receiver) if "child" in name} == {
        f"invoke_workflow child {number}": 1 for number in range(8)
    }


IMPORTS = """
    import sys
    import quarterdeck as qd
    from quarterdeck import forks

    class Watch:
        seen = []

        def find_spec(self, name, path=None, target=None):
            if not forks.MAKING._is_owned():
                self.seen.append(name)

    qd.init(sys.argv[1], buffer="")
    with qd.pipeline("imports what the program's own thread needs"):
        pass
    sys.meta_path.insert(0, Watch())
    qd.flush()
    qd.shutdown()
    assert not Watch.seen, Watch.seen
"""


@pytest.mark.parametrize("status", [200, 413])
def test_what_our_threads_import_no_fork_finds_half_done(
    status: int, receiver: Receiver, collector: str, tmp_path: Path
) -> None:
    receiver.status, receiver.rejected = status, 1
    run(tmp_path, IMPORTS, collector)

"""``make up`` is ``quarterdeck up`` in an environment that make has made."""

import os
import signal
import subprocess
from pathlib import Path

from support.deck import free_ports
from support.trust import environment_for_the_world

ROOT = Path(__file__).parents[2]


def test_make_up_starts_the_deck_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    otlp, grpc, clickhouse, runner, ui = free_ports(5)
    flags = f"--otlp-http-port {otlp} --otlp-grpc-port {grpc} --clickhouse-port {clickhouse}"
    flags += f" --runner-port {runner} --ui-port {ui}"
    process = subprocess.Popen(
        ["make", "up", f"ARGS=--no-demo --no-browser --data-dir {tmp_path} {flags}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=environment_for_the_world(),
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Ctrl-C ends everything"):
            break
    # A terminal sends Ctrl-C to the whole foreground group: make and quarterdeck alike.
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stdout.read()
    process.stdout.close()
    process.wait(90)
    assert any(f"http://127.0.0.1:{ui}" in line for line in said), "".join(said)
    assert "Traceback" not in rest

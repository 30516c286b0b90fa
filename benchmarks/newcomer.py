"""Seconds of a newcomer's three ways: clone to live dashboard, pip to a traced script, laptop to server.

Each begins where nothing is: a clone in an empty folder and environments of their own, with what pip has in its cache,
or with ``--cold`` without. The clone holds what is committed. A way ends when a browser shows a run that is under way,
or when ClickHouse answers with the run of the script; the script is the README's first, and only a URL changes on the
way to the server. The ratio is to pip alone, than which nothing that is installed so can be faster. Needs Chromium, as
the tests do.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.measure import say
from support.browser import chromium, open_page
from support.collectors import PLAIN, wait_for
from support.deck import free_ports
from support.trust import environment_for_the_world

ROOT = Path(__file__).parents[1]
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
PORTS = ("otlp-http", "otlp-grpc", "clickhouse", "runner", "ui")
OURS = ("QUARTERDECK_", "OTEL_", "ANTHROPIC_", "GEMINI_", "PYTHON", "VIRTUAL_ENV")
LAST_LINE = "Ctrl-C ends everything"
UP_WITHIN_S, SHOWN_WITHIN_MS = 900, 120_000


@dataclass(frozen=True)
class Way:
    """Seconds from the begin of a way to each of its marks, in order."""

    name: str
    marks: dict[str, float]
    pip: float = 0.0
    """How long pip took of it."""

    def __str__(self) -> str:
        """One row of the table."""
        told = ", ".join(f"{mark} {seconds:.1f} s" for mark, seconds in self.marks.items())
        whole = list(self.marks.values())[-1]
        ratio = f"   ratio to pip alone {whole / self.pip:.2f}" if self.pip else ""
        return f"{self.name:<26}{whole:6.1f} s   {told}{ratio}"


class Newcomer:
    """Somebody with a machine on which nothing of ours is."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        self.folder = folder
        world = environment_for_the_world()
        self.environment = {name: value for name, value in world.items() if not name.startswith(OURS)}
        self.environment |= {"HOME": str(folder), "QUARTERDECK_STAND_IN_PORT": str(free_ports(1)[0])}
        cache = [sys.executable, "-m", "pip", "cache", "dir"]
        found = subprocess.run(cache, capture_output=True, text=True, check=True, env=world).stdout.strip()
        self.environment |= {"PIP_NO_CACHE_DIR": "1"} if cold else {"PIP_CACHE_DIR": found}

    def run(self, *words: str | Path, **more: str) -> str:
        """Type a command, and give what it prints."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.folder,
            env=self.environment | more,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    @contextlib.contextmanager
    def started(self, words: Sequence[str | Path], until: str, folder: Path) -> Iterator[None]:
        """Type a command that stays, wait until it prints something, and press Ctrl-C after the block."""
        log = folder / "printed.log"
        with log.open("w") as printed:
            process = subprocess.Popen(
                [str(word) for word in words],
                cwd=folder,
                env=self.environment,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
        try:
            wait_for(lambda: until in log.read_text() or process.poll() is not None, UP_WITHIN_S)
            if process.poll() is not None:
                raise SystemExit(log.read_text())
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(90)


def flags(ports: dict[str, int]) -> list[str]:
    """Ports, for the default ones may be taken."""
    return [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]


def stored(clickhouse: int) -> bool:
    """Whether the run of the script is a row."""
    sql = (
        "SELECT count() FROM quarterdeck.pipeline_executions WHERE pipeline_name = 'briefing' AND status = 'completed'"
    )
    return httpx.post(f"http://127.0.0.1:{clickhouse}", content=sql, verify=PLAIN).text.strip() == "1"


def pip_alone(newcomer: Newcomer, what: str | Path, name: str) -> tuple[Path, float]:
    """Make an environment, install into it with pip, and say how long it took."""
    began, folder = time.monotonic(), newcomer.folder / name
    newcomer.run(shutil.which("python3") or sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    newcomer.run(python, *PIP, "--constraint", ROOT / "constraints.txt", what)
    return python, time.monotonic() - began


def from_clone(newcomer: Newcomer, pip: float) -> Way:
    """``git clone``, ``make up``, and look."""
    ports, began, clone = dict(zip(PORTS, free_ports(len(PORTS)), strict=True)), time.monotonic(), "clone"
    marks = {}
    newcomer.run("git", "clone", "--quiet", f"file://{ROOT}", clone)
    marks["cloned"] = time.monotonic() - began
    arguments = " ".join(["--no-browser", *flags(ports)])
    with (
        newcomer.started(["make", "up", f"ARGS={arguments}"], LAST_LINE, newcomer.folder / clone),
        chromium() as browser,
    ):
        marks["up"] = time.monotonic() - began
        page = open_page(browser, f"http://127.0.0.1:{ports['ui']}").page
        page.locator("[data-run]").first.wait_for(timeout=SHOWN_WITHIN_MS)
        marks["a live run on screen"] = time.monotonic() - began
        page.context.close()
    return Way("clone to live dashboard", marks, pip)


def from_wheel(newcomer: Newcomer, wheel: Path) -> tuple[Path, Way]:
    """``pip install``, ``quarterdeck up``, run a script of one's own."""
    ports, began = dict(zip(PORTS, free_ports(len(PORTS)), strict=True)), time.monotonic()
    python, pip = pip_alone(newcomer, f"{wheel}[all]", "environment")
    marks = {"installed": time.monotonic() - began}
    program = python.with_name("quarterdeck")
    with newcomer.started([program, "up", "--no-browser", *flags(ports)], LAST_LINE, newcomer.folder):
        marks["up"] = time.monotonic() - began
        newcomer.run(python, script(newcomer), QUARTERDECK_ENDPOINT=f"http://127.0.0.1:{ports['otlp-http']}")
        wait_for(lambda: stored(ports["clickhouse"]))
        marks["own script traced"] = time.monotonic() - began
    return python, Way("pip to own script traced", marks, pip)


def to_server(newcomer: Newcomer, python: Path) -> Way:
    """The same script, another URL: what runs there was started by somebody else, before."""
    http, grpc, clickhouse = free_ports(3)
    server = newcomer.folder / "server"
    server.mkdir()
    ports = flags({"otlp-http": http, "otlp-grpc": grpc, "clickhouse": clickhouse})
    command: list[str | Path] = [python.with_name("quarterdeck"), "collector", "--data-dir", server / "data", *ports]
    with newcomer.started(command, "listening: ", server):
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{http}/readyz", verify=PLAIN).is_success)
        began = time.monotonic()
        newcomer.run(python, script(newcomer), QUARTERDECK_ENDPOINT=f"http://127.0.0.1:{http}")
        wait_for(lambda: stored(clickhouse))
        return Way("laptop to server", {"the same script stored there": time.monotonic() - began})


def script(newcomer: Newcomer) -> Path:
    """Write the README's first script, as it is."""
    file = newcomer.folder / "briefing.py"
    if not file.exists():
        shown = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        file.write_text(shown[1] if shown else "")
    return file


def main() -> None:
    """Go each way and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="download everything, as on a new machine")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        say("building the wheel")
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT)]
        subprocess.run(build, check=True, stdout=sys.stderr)
        wheel = next(Path(folder).glob("*.whl"))
        newcomer = Newcomer(Path(folder), cold=options.cold)
        say("pip to own script traced")
        python, way = from_wheel(newcomer, wheel)
        print(way, flush=True)
        print(to_server(newcomer, python), flush=True)
        print(from_clone(newcomer, way.pip), flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""Run a registered Python pipeline: one process for each run, one step of the engine, obeying like any other run."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quarterdeck import config, durable
from quarterdeck_runner import announce
from quarterdeck_runner.bodies import Bodies
from quarterdeck_runner.definitions import pipeline_of
from quarterdeck_runner.diagnostics import START
from quarterdeck_runner.execution import DurableStep
from quarterdeck_runner.python_pipelines import CHILD, child_environment
from quarterdeck_runner.scope import Record
from quarterdeck_runner.spec import Step
from quarterdeck_runner.store import Outcome, RunRow, RunStore

log = logging.getLogger("quarterdeck.programs")
log.setLevel(logging.INFO)

_LOOK_S: Final = 0.5
_ASK_S: Final = 0.25
_TERMINATE_S: Final = 0.45
_MAX_MESSAGE: Final = 64 << 20
_MAX_LINE: Final = 8_192
_LAST_LINES: Final = 20


@dataclass(frozen=True)
class PythonRun:
    """One run of a Python pipeline being executed.

    Args:
        row: the run.
        store: where it is.
        announcer: who tells the dashboard.
        bodies: who wakes it when a command comes.
        memory_mb: how much memory its process may take, in MiB; 0 for no limit.
    """

    row: RunRow
    store: RunStore
    announcer: announce.Announcer
    bodies: Bodies
    memory_mb: int = 0

    async def run(self, durable_step: DurableStep) -> Outcome:
        """Run it as a single step.

        Args:
            durable_step: makes a step durable.
        """
        record = await durable_step(Step(self.row.pipeline, "python", START), 1, self._work)
        if record["success"]:
            return Outcome("completed", 0, record["data"])
        return Outcome("failed", 0, None, record["error"], record["error_type"])

    async def _work(self) -> Record:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *CHILD, "run", str(theirs.fileno()), pass_fds=[theirs.fileno()],
                env=child_environment(self.row.options.env), start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_MESSAGE)
        child = _Child(process, reader, writer)
        try:
            with durable.attach(announce.identity(self.row)):
                child.listen()
            await child.send(self._job())
            return await self._conversation(child)
        finally:
            await child.end()
            self.bodies.forget_news(self.row.id)

    def _job(self) -> dict[str, Any]:
        described = pipeline_of(self.row).document
        telemetry = config.settings()
        return {
            "module": described["module"],
            "function": described["function"],
            "inputs": self.row.inputs,
            "run": self.row.id,
            "pipeline": self.row.pipeline,
            "version": self.row.version,
            "telemetry": None if telemetry is None else asdict(telemetry[0]) | {"runner_url": ""},
            "memory_mb": self.memory_mb,
        }

    async def _conversation(self, child: "_Child") -> Record:
        """Pass commands on and reports back until the program is over."""
        commands = asyncio.create_task(self._pass_commands(child))
        try:
            while (message := await child.receive()) is not None:
                if "status" in message:
                    await self._note(message)
                    continue
                if "result" in message:
                    result = message["result"]
                    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
                    return {"success": True, "text": text, "data": result}
                return _failure(f"{message['error_type']}: {message['error']}", message["error_type"])
            return await child.epitaph()
        finally:
            commands.cancel()
            await asyncio.gather(commands, return_exceptions=True)

    async def _note(self, message: dict[str, Any]) -> None:
        await asyncio.to_thread(self.store.step_noted, self.row.id, message["step"])
        paused = message["status"] == "paused"
        if paused and await asyncio.to_thread(self.store.change, "pause_inside", self.row.id):
            await self._tell_status()

    async def _pass_commands(self, child: "_Child") -> None:
        """Look at the row whenever a command came here, and now and then: commands may come to another runner."""
        told, news = "resume", self.bodies.news(self.row.id)
        while True:
            row = await asyncio.to_thread(self.store.get, self.row.id)
            if row is not None and row.status in {"running", "paused"}:
                wanted = "pause" if row.status == "paused" or row.pending == "pause" else "resume"
                if wanted != told:
                    told = wanted
                    await child.send({"command": wanted})
                    if wanted == "resume":
                        await self._tell_status()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), _LOOK_S)
            news.clear()

    async def _tell_status(self) -> None:
        row = await asyncio.to_thread(self.store.get, self.row.id)
        if row is not None:
            self.announcer.status(row)


@dataclass
class _Child:
    """The process of one run."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    listeners: list[asyncio.Task[None]] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the program writes as logs of the run that is current now."""
        assert self.process.stdout is not None  # noqa: S101 - it was started so
        assert self.process.stderr is not None  # noqa: S101 - as above
        for stream, write in ((self.process.stdout, log.info), (self.process.stderr, log.warning)):
            self.listeners.append(asyncio.create_task(self._keep(stream, write)))

    async def _keep(self, stream: asyncio.StreamReader, write: Callable[..., None]) -> None:
        rest = b""
        while piece := await stream.read(_MAX_LINE):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._line(line, write)
        self._line(rest, write)

    def _line(self, line: bytes, write: Callable[..., None]) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self.last_lines.append(text)
            write("%s", text)

    async def send(self, message: dict[str, Any]) -> None:
        """Tell the program something; one that is gone cannot hear it."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(json.dumps(message).encode() + b"\n")
            await self.writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """What the program tells next; ``None`` if it is gone."""
        try:
            line = await self.reader.readline()
        except (ConnectionError, ValueError):
            return None
        message: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return message

    async def epitaph(self) -> Record:
        """Why the program ended without a result."""
        code = await self.process.wait()
        await asyncio.wait(self.listeners, timeout=_ASK_S)
        if code >= 0:
            reason = f"the program ended with exit code {code} before its pipeline returned"
        else:
            name = signal.Signals(-code).name
            guess = "; the memory was used up, perhaps" if name == "SIGKILL" else ""
            reason = f"the program was killed by {name}{guess}"
        said = "\n".join(self.last_lines)
        return _failure(f"{reason}. It said last:\n{said}" if said else reason, "ProgramDied")

    async def end(self) -> None:
        """Leave nothing running: ask, then terminate, then kill, all within a second."""
        if self.process.returncode is None:
            await self.send({"command": "cancel"})
            if not await self._gone(_ASK_S):
                self._signal(signal.SIGTERM)
                await self._gone(_TERMINATE_S)
        # Whatever the program itself has started goes with it.
        self._signal(signal.SIGKILL)
        await self.process.wait()
        self.writer.close()
        await asyncio.wait(self.listeners, timeout=_ASK_S)
        for task in self.listeners:
            task.cancel()

    async def _gone(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)
        return self.process.returncode is not None

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def _failure(error: str, error_type: str) -> Record:
    return {"success": False, "text": "", "error": error, "error_type": error_type}

"""Lanes: each runs one example after the other, and pauses between them."""

import asyncio
import logging
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from quarterdeck_runner.demo.client import RefusedError, Runner, Service

log = logging.getLogger("quarterdeck.demo")

_PAUSE_S = 3.0
_END_S = 5.0


class Lane(ABC):
    """One lane.

    Args:
        names: what it runs, in turn.
        service: what must answer before it runs anything.
        delay: seconds to wait before the first.
    """

    def __init__(self, names: Sequence[str], service: Service, delay: float = 0) -> None:
        self.names = names
        self.service = service
        self._delay = delay
        self._said: dict[str, str] = {}

    async def forever(self) -> None:
        """Run the examples again and again."""
        await asyncio.sleep(self._delay)
        while True:
            await self.round(_PAUSE_S)

    async def round(self, pause: float = 0) -> bool:
        """Run each example once.

        Args:
            pause: seconds to wait after each.

        Returns:
            Whether all went well.
        """
        well = True
        for name in self.names:
            if not await self.service.wait():
                return False
            well = await self._one(name) and well
            await asyncio.sleep(pause)
        return well

    @abstractmethod
    async def run(self, name: str) -> str:
        """Run one example and give what went wrong; empty when nothing did."""

    async def _one(self, name: str) -> bool:
        try:
            problem = await self.run(name)
        except httpx.HTTPError as error:
            problem = f"the {self.service.name} stopped answering ({type(error).__name__})"
        if problem and problem != self._said.get(name):
            log.warning("%s: %s", name, problem)
        self._said[name] = problem
        return not problem


class YamlLane(Lane):
    """Starts YAML pipelines through the runner's API."""

    def __init__(self, names: Sequence[str], runner: Runner, delay: float = 0) -> None:
        super().__init__(names, runner, delay)
        self._runner = runner

    async def run(self, name: str) -> str:
        """Start a pipeline and wait for its end."""
        if name not in await self._runner.pipelines():
            return "the runner does not offer this pipeline; start it with --pipelines on the examples' folder"
        try:
            ended = await self._runner.ended(await self._runner.start(name))
        except RefusedError as refused:
            return f"the runner does not start it: {refused}"
        return "" if ended["status"] != "failed" else f"failed: {ended['error']}"


class PythonLane(Lane):
    """Runs Python examples as child processes."""

    def __init__(self, files: Sequence[Path], collector: Service, environment: Mapping[str, str]) -> None:
        super().__init__([str(file) for file in files], collector)
        self._environment = dict(environment)

    async def run(self, name: str) -> str:
        """Run a file to its end; when cancelled, end the child first."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            name,
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await child.communicate()
        except asyncio.CancelledError:
            await _end(child)
            raise
        lines = said.decode(errors="replace").strip().splitlines()
        return "" if child.returncode == 0 else f"exit code {child.returncode}: {lines[-1] if lines else ''}"


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(child.wait(), _END_S)
    except TimeoutError:
        child.kill()
        await child.wait()

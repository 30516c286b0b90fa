"""``quarterdeck demo``: three kinds of pipelines, live on the dashboard."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence

from pydantic_settings import CliApp

from quarterdeck.cli.stand_in import examples_folder
from quarterdeck_runner.demo.client import Runner, Service
from quarterdeck_runner.demo.environment import (
    Providers,
    loopback_url,
    provider_environment,
    providers,
    stand_in_needed,
)
from quarterdeck_runner.demo.lanes import Lane, PythonLane, YamlLane
from quarterdeck_runner.demo.settings import DemoSettings
from quarterdeck_runner.demo.stand_in import is_stand_in, serving

log = logging.getLogger("quarterdeck.demo")

PROGRAMS = ("briefing.py", "existing_script.py")
"""The Python examples."""

PIPELINES = ("release_notes", "support_triage", "contract_review")
"""The YAML examples; the demo starts no other pipeline of the runner."""

_KEYS = {"anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
_PATIENCE_S = 20.0
_SECOND_LANE_S = 9.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the examples: in rounds while the stand-in answers, once when a real provider does.

    Args:
        argv: command-line words without the program's name; the process's own by default.

    Returns:
        0 after a signal or a good round, 1 when something of a single round failed.
    """
    settings = CliApp.run(DemoSettings, cli_args=list(sys.argv[1:] if argv is None else argv))
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    with _stand_in(os.environ) as url:
        added = provider_environment(url) if url else {}
        environment = {
            **os.environ,
            **added,
            "QUARTERDECK_ENDPOINT": settings.endpoint,
            "QUARTERDECK_RUNNER_URL": settings.runner_url,
        }
        answering = providers(environment, url)
        _say_who_answers(answering, url)
        once = settings.once or bool(answering.real)
        return asyncio.run(_sail(settings, environment, once))


@contextlib.contextmanager
def _stand_in(environ: Mapping[str, str]) -> Iterator[str]:
    """The stand-in's address: the one given by the environment, else our own if one is needed, else none."""
    given = loopback_url(environ)
    if given and is_stand_in(given):
        yield given
    elif stand_in_needed(environ):
        with serving() as url:
            yield url
    else:
        yield ""


def _say_who_answers(answering: Providers, url: str) -> None:
    for name in answering.stand_in:
        log.info("%s: the local stand-in at %s answers; set %s for the real one", name, url, _KEYS[name])
    for name in answering.real:
        log.info("%s: the real provider answers, and this costs money; the examples run once", name)


async def _sail(settings: DemoSettings, environment: Mapping[str, str], once: bool) -> int:
    """Run the lanes until they end or a signal comes."""
    work = asyncio.ensure_future(_lanes(settings, environment, once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        return 0 if await work else 1
    except asyncio.CancelledError:
        return 0


async def _lanes(settings: DemoSettings, environment: Mapping[str, str], once: bool) -> bool:
    patience = _PATIENCE_S if once else None
    runner = Runner("runner", settings.runner_url, "start it with: quarterdeck runner", patience)
    collector = Service("collector", settings.endpoint, "start it with: quarterdeck collector", patience)
    files = [examples_folder() / name for name in PROGRAMS]
    async with runner.http, collector.http:
        if once:
            lanes: list[Lane] = [PythonLane(files, collector, environment), YamlLane(PIPELINES, runner)]
            return all(await asyncio.gather(*(lane.round() for lane in lanes)))
        later = (*PIPELINES[1:], PIPELINES[0])
        lanes = [
            PythonLane(files, collector, environment),
            YamlLane(PIPELINES, runner),
            YamlLane(later, runner, delay=_SECOND_LANE_S),
        ]
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.forever())
        return True


if __name__ == "__main__":
    sys.exit(main())

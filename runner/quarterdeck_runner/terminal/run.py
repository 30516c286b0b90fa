"""``quarterdeck run``: run a pipeline here and now, with nothing else running."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

import quarterdeck as qd
from quarterdeck import config
from quarterdeck.egress import Egress
from quarterdeck.execution import new_run_id
from quarterdeck.price_file import PriceFileError
from quarterdeck.serving import InUseError, sole_owner, wrong_settings
from quarterdeck_runner import prices
from quarterdeck_runner.files import FileError, read_pipeline
from quarterdeck_runner.key_stores import KeyStoreError, open_store
from quarterdeck_runner.keys import VENDORS, Keys, NoKeyError, Vendor, redact
from quarterdeck_runner.models import Provider
from quarterdeck_runner.providers import Providers
from quarterdeck_runner.settings import Settings
from quarterdeck_runner.spec import Pipeline, Step
from quarterdeck_runner.template import as_text
from quarterdeck_runner.terminal.arguments import ArgumentsError, inputs_of
from quarterdeck_runner.terminal.checkpoint import Checkpoint, CheckpointError, Head, find
from quarterdeck_runner.terminal.console import Console, Warnings, dollars
from quarterdeck_runner.terminal.local import LocalRun, row_of
from quarterdeck_runner.validate import validate
from quarterdeck_runner.vocabulary import GEMINI_TYPES

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
"""Exit codes."""

_ENDPOINTS: Final = ("QUARTERDECK_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_OTLP_PORT: Final = 4318
_PROBE_S: Final = 0.5


class UsageError(Exception):
    """The command cannot be done as it was given; the message says what to write."""


@dataclass(frozen=True)
class _Prepared:
    """A run that can begin."""

    pipeline: Pipeline
    source: str
    checkpoint: Checkpoint
    resumed: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Run a pipeline; progress and answers go to standard error, the result to standard output.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit code: 0 when it completed, 1 when it failed or the file has errors, 2 for a wrong argument, 130 when it was
        broken off.
    """
    chosen = _parser().parse_intermixed_args(argv)
    try:
        return _main(chosen)
    except (UsageError, ArgumentsError, CheckpointError, FileError, KeyStoreError, PriceFileError) as error:
        _say(f"quarterdeck run: {error}")
        return USAGE
    except ValidationError as error:
        _say(wrong_settings(error.errors()))
        return USAGE
    except InUseError as error:
        _say(f"quarterdeck run: {error}")
        return FAILED
    except OSError as error:
        _say(f"quarterdeck run: {error.filename or chosen.data_dir}: {error.strerror or error}")
        return FAILED


def _main(chosen: argparse.Namespace) -> int:
    prices.use_those_of(os.environ)
    file = Path(chosen.file)
    source = read_pipeline(file)
    found = validate(source, file, shown_as=str(file))
    for problem in found.diagnostics:
        _say(str(problem))
    if not found.runnable:
        return FAILED
    folder = Path(chosen.data_dir).absolute() / "runs"
    with _keys(chosen, found.pipeline) as keys:
        prepared = _prepared(chosen, found.pipeline, source, folder)
        with _owned(prepared.checkpoint):
            # Nobody steers this run but the terminal: no runner URL.
            qd.init(service_name="quarterdeck-run", runner_url="", endpoint=_collector(chosen.endpoint))
            try:
                return asyncio.run(_run(chosen, prepared, Providers(keys)))
            finally:
                qd.shutdown()


def _prepared(chosen: argparse.Namespace, pipeline: Pipeline, source: str, folder: Path) -> _Prepared:
    file = Path(chosen.file)
    if chosen.resume is not None:
        if chosen.inputs:
            raise UsageError("a run that goes on keeps its inputs: leave out key=value, or start a new one")
        return _Prepared(pipeline, source, find(folder, file, chosen.resume), resumed=True)
    inputs = inputs_of(pipeline, chosen.inputs)
    head = Head(new_run_id(), str(file.resolve()), pipeline.name, inputs, time.time_ns())
    return _Prepared(pipeline, source, Checkpoint.new(folder, head), resumed=False)


async def _run(chosen: argparse.Namespace, prepared: _Prepared, providers: Providers) -> int:
    pipeline, head = prepared.pipeline, prepared.checkpoint.head
    console = Console(stream=not chosen.no_stream, total=len(pipeline.steps))
    row = row_of(pipeline, prepared.source, head.id, head.inputs, head.created_ns)
    outputs = prepared.checkpoint.path.parent.parent / "outputs"
    run = LocalRun(pipeline, row, prepared.checkpoint, providers, outputs, console)
    console.line(f"{pipeline.name} · run {head.id} · in this process{' · goes on' if prepared.resumed else ''}")
    began = time.monotonic()
    with _warnings(console):
        task = asyncio.ensure_future(run.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            outcome = await task
        except asyncio.CancelledError:
            console.line(f"broken off; finished steps are kept: {_go_on(chosen, head.id)}")
            return INTERRUPTED
    reused = f" · {run.reused} steps from before" if run.reused else ""
    facts = f"{time.monotonic() - began:.1f} s · {dollars(run.spending.usd if run.spending.known else None)}{reused}"
    console.line(f"{outcome.status} · {facts}")
    if outcome.status != "completed":
        console.line(f"finished steps are kept: {_go_on(chosen, head.id)}")
        return FAILED
    _print_result(as_text(outcome.output), console, streamed=not chosen.no_stream)
    return 0


def _print_result(text: str, console: Console, *, streamed: bool) -> None:
    # In a terminal the answer of the last step has just been seen.
    if not (streamed and sys.stdout.isatty() and text == console.last_text and console.streamed):
        print(text)  # noqa: T201 - a command line answers on standard output


def _go_on(chosen: argparse.Namespace, run_id: str) -> str:
    return f"quarterdeck run {chosen.file} --resume {run_id}"


def _collector(given: str | None) -> str | None:
    """Where telemetry goes; nowhere if nobody asked for a collector and none is there."""
    if given is not None or any(os.environ.get(name) for name in _ENDPOINTS):
        return given
    try:
        with socket.create_connection(("127.0.0.1", _OTLP_PORT), timeout=_PROBE_S):
            return None
    except OSError:
        return ""


@contextlib.contextmanager
def _owned(checkpoint: Checkpoint) -> Iterator[None]:
    lock = checkpoint.path.with_suffix(".lock")
    try:
        with sole_owner(lock, f"run {checkpoint.head.id}"):
            yield
    finally:
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _warnings(console: Console) -> Iterator[None]:
    logger, handler = logging.getLogger("quarterdeck.runner"), Warnings(console)
    logger.addHandler(handler)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


@contextlib.contextmanager
def _keys(chosen: argparse.Namespace, pipeline: Pipeline) -> Iterator[Keys]:
    """Where keys of the providers are found: as the runner finds them, or those of the stand-in."""
    if chosen.stand_in:
        from quarterdeck_runner.demo.stand_in import serving

        with serving() as url:
            _say(f"the local stand-in at {url} answers: no provider is asked, and nothing costs money")
            own = {name: value for each in VENDORS.values() for name, value in _stand_in(each, url)}
            yield Keys({**os.environ, **own})
        return
    settings = Settings(data_dir=Path(chosen.data_dir))
    config.on_redact(redact)
    keys = Keys(
        os.environ, open_store(settings.key_store, settings.data_dir, os.environ), Egress(settings.provider_urls)
    )
    for provider in sorted(_asked(pipeline.steps)):
        try:
            keys.credential(provider)
        except NoKeyError as error:
            vendor = VENDORS[provider]
            # A key that is there and cannot be used says so itself.
            reason = f"set {vendor.variable}" if vendor.variable in str(error) else str(error)
            raise UsageError(
                f"the pipeline asks {vendor.title}: {reason}, or try it with --stand-in, which asks nobody"
            ) from error
    yield keys


def _stand_in(vendor: Vendor, url: str) -> tuple[tuple[str, str], ...]:
    return (vendor.variable, "stand-in"), (vendor.url_variable, url)


def _asked(steps: tuple[Step, ...]) -> set[Provider]:
    found: set[Provider] = set()
    for step in steps:
        if any(call.model for call in step.calls):
            found.add("gemini" if step.type in GEMINI_TYPES else "claude")
        found |= _asked(step.body)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quarterdeck run",
        description="Run a pipeline in this process: no server is needed, and none is asked. Progress and answers go "
        "to standard error, the result to standard output. Finished steps are kept on disk: a run that was broken off, "
        "or failed, goes on with --resume. If a collector listens, the run is on its dashboard.",
        epilog="Exit code: 0 completed, 1 failed or the file has errors, 2 wrong argument, 130 broken off.",
    )
    parser.add_argument("file", metavar="FILE", help="the pipeline")
    parser.add_argument("inputs", nargs="*", metavar="key=value", help="inputs; key=@file takes the text of a file")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with a run that did not complete; without an id, the latest one of this file",
    )
    parser.add_argument("--no-stream", action="store_true", help="do not show the answers as they are written")
    parser.add_argument(
        "--stand-in", action="store_true", help="let the local stand-in answer instead of the providers"
    )
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("QUARTERDECK_DATA_DIR") or ".quarterdeck",
        help="folder for results and finished steps (QUARTERDECK_DATA_DIR; .quarterdeck)",
    )
    parser.add_argument(
        "--endpoint",
        default=None,
        help="collector that telemetry goes to (QUARTERDECK_ENDPOINT; http://127.0.0.1:4318)",
    )
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - a command line answers in the terminal


if __name__ == "__main__":
    sys.exit(main())

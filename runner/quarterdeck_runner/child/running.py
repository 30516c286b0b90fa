"""Run one pipeline of the user for the runner."""

import asyncio
import faulthandler
import importlib
import inspect
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import to_jsonable_python

import quarterdeck as qd
from quarterdeck import config, durable
from quarterdeck.failures import error_type
from quarterdeck.settings import Settings
from quarterdeck_runner.child.link import Link, be_first_to_go, die_with_parent
from quarterdeck_runner.child.signature import arguments

_MAX_ANSWER: Final = 32 << 20


def run(descriptor: int) -> None:
    """Do the job that comes in over a socket.

    Args:
        descriptor: of the socket.
    """
    die_with_parent()
    faulthandler.enable(all_threads=False)
    link = Link(socket.socket(fileno=descriptor))
    job = link.job()
    be_first_to_go(job["memory_mb"])
    _start_telemetry(job["telemetry"], link)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the interpreter does it
    try:
        with durable.hosted(durable.identity(job["run"], job["pipeline"], job["version"])):
            answer = {"result": to_jsonable_python(_called(job), fallback=repr)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, the runner shall know
        traceback.print_exc()
        answer = {"error": str(error) or type(error).__name__, "error_type": error_type(error)}
    sys.stdout.flush()
    qd.shutdown()
    if len(json.dumps(answer)) > _MAX_ANSWER:
        size = f"the result is larger than {_MAX_ANSWER >> 20} MiB: write it to a file and return where it is"
        answer = {"error": size, "error_type": "ValueError"}
    link.send(answer)
    # Threads that the program left behind have had their time.
    os._exit(0)


def _start_telemetry(telemetry: dict[str, Any] | None, link: Link) -> None:
    if telemetry is None:
        qd.init(endpoint="", runner_url="")
    else:
        config.begin_in_worker(Settings.revived(telemetry), ())
    config.obey(link)


def _called(job: dict[str, Any]) -> Any:
    function = getattr(importlib.import_module(job["module"]), job["function"])
    return _finished(function, arguments(function, job["inputs"]))


def _finished(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Call a function of any shape and give what it returned, or all that it yielded."""
    if inspect.iscoroutinefunction(function):
        return asyncio.run(function(**given))
    result = function(**given)
    if inspect.isasyncgen(result):
        return asyncio.run(_all(result))
    return list(result) if inspect.isgenerator(result) else result


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]

"""Spans begin before the first line of the user's code and end after its last, in every shape of call."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import quarterdeck as qd
from quarterdeck.testing import Recording

Times = list[int]


@qd.step
def plain(at: Times) -> None:
    at += [time.time_ns(), time.time_ns()]


@qd.step
async def coroutine(at: Times) -> None:
    at.append(time.time_ns())
    await asyncio.sleep(0.01)
    at.append(time.time_ns())


@qd.step
def generator(at: Times) -> Iterator[int]:
    at.append(time.time_ns())
    yield 1
    at.append(time.time_ns())


@qd.step
async def async_generator(at: Times) -> AsyncIterator[int]:
    at.append(time.time_ns())
    yield 1
    await asyncio.sleep(0.01)
    at.append(time.time_ns())


def in_a_thread(at: Times) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(plain, at).result()


def read_later(at: Times) -> None:
    numbers = generator(at)
    time.sleep(0.01)  # nothing runs yet
    at.append(time.time_ns())
    list(numbers)


async def gathered(at: Times) -> None:
    await asyncio.gather(coroutine(at), asyncio.sleep(0.05))


async def read(at: Times) -> None:
    async for _ in async_generator(at):
        pass


WAYS: dict[str, Callable[[Times], Any]] = {
    "plain": plain,
    "thread": in_a_thread,
    "generator": lambda at: list(generator(at)),
    "generator read later": read_later,
    "coroutine": lambda at: asyncio.run(coroutine(at)),
    "gather": lambda at: asyncio.run(gathered(at)),
    "async generator": lambda at: asyncio.run(read(at)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_span_spans_the_code(telemetry: Recording, way: str) -> None:
    inside: Times = []
    before = time.time_ns()
    WAYS[way](inside)
    after = time.time_ns()
    (span,) = telemetry.spans()
    assert span.start_time is not None
    assert span.end_time is not None
    moments = [before, *inside[:-2], span.start_time, *inside[-2:], span.end_time, after]
    assert moments == sorted(moments)

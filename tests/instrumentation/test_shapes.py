"""What decorators leave alone: tracebacks, contexts of callers, types; and what capture they narrow."""

import asyncio
import gc
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import pytest

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording, recording


@qd.step
def fail() -> None:
    raise ValueError("no")


@qd.step
async def fail_async() -> None:
    fail()


@qd.step
def fail_while_giving() -> Iterator[int]:
    try:
        yield 1
    except KeyError:
        fail()


@qd.step
async def fail_while_giving_async() -> AsyncIterator[int]:
    yield 1
    await fail_async()


async def consume() -> None:
    async for _ in fail_while_giving_async():
        pass


def throw() -> None:
    numbers: Any = fail_while_giving()
    next(numbers)
    numbers.throw(KeyError("k"))


def names(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:]


@pytest.mark.usefixtures("telemetry")
def test_tracebacks_show_the_users_frames_only() -> None:
    with pytest.raises(ValueError, match="no") as plain:
        fail()
    assert names(plain.value) == ["fail"]
    with pytest.raises(ValueError, match="no") as thrown:
        throw()
    assert names(thrown.value) == ["throw", "fail_while_giving", "fail"]
    with pytest.raises(ValueError, match="no") as awaited:
        asyncio.run(consume())
    assert names(awaited.value)[-4:] == ["consume", "fail_while_giving_async", "fail_async", "fail"]
    with pytest.raises(TypeError) as wrong:
        fail(1)  # type: ignore[call-arg] # the wrong call is the test
    assert names(wrong.value) == []


def test_the_recorded_traceback_is_the_users_too(telemetry: Recording) -> None:
    with pytest.raises(ValueError, match="no"):
        fail()
    (event,) = telemetry.spans()[0].events
    assert "shapes.py" not in str((event.attributes or {})["exception.stacktrace"]).replace("test_shapes.py", "")


@qd.step
def inner_block() -> Iterator[str]:
    with qd.step("inner"):
        yield qd.current_step().name
        yield qd.current_step().name


def test_what_a_generator_makes_current_inside_is_current_again_when_it_goes_on(telemetry: Recording) -> None:
    with qd.pipeline("p"):
        seen = [(name, qd.current_step().name) for name in inner_block()]
    assert seen == [("inner", ""), ("inner", "")]
    assert [(span["name"], span["parent"]) for span in telemetry.normal_spans()][1:] == [
        ("step inner_block", "invoke_workflow p"),
        ("step inner", "step inner_block"),
    ]


def test_a_generator_that_never_started_leaves_no_span_and_a_dropped_one_ends(telemetry: Recording) -> None:
    inner_block()
    dropped = inner_block()
    next(dropped)
    del dropped
    gc.collect()
    assert [span["attributes"][semconv.STEP_STATUS] for span in telemetry.normal_spans()] == ["completed"] * 2
    assert not qd.current_step()


async def test_a_dropped_async_generator_ends_and_complains_about_nothing(
    telemetry: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    @qd.step
    async def numbers() -> AsyncIterator[int]:
        with qd.step("inside"):
            yield 1
            yield 2

    async for _ in numbers():
        assert not qd.current_step()
        break
    gc.collect()
    await asyncio.sleep(0.01)
    assert {span["name"] for span in telemetry.normal_spans()} == {"step numbers", "step inside"}
    assert caplog.records == []


async def test_a_task_group_keeps_parents_and_cancels_siblings(telemetry: Recording) -> None:
    @qd.step
    async def sleepy() -> None:
        await asyncio.sleep(60)

    with pytest.raises(ExceptionGroup):  # noqa: PT012 - the group is what raises
        async with qd.pipeline("p"), asyncio.TaskGroup() as group:
            group.create_task(sleepy())
            await asyncio.sleep(0)
            group.create_task(fail_async())
    assert [
        (span["name"], span["parent"], span["attributes"][semconv.STEP_STATUS]) for span in telemetry.normal_spans()[1:]
    ] == [
        ("step sleepy", "invoke_workflow p", "cancelled"),
        ("step fail_async", "invoke_workflow p", "failed"),
        ("step fail", "step fail_async", "failed"),
    ]


def test_capture_is_as_strict_as_the_strictest_around() -> None:
    @qd.step(capture="full")
    def inside(text: str) -> str:
        return text

    @qd.step(capture="off")
    def silent(text: str) -> str:
        return inside(text)

    @qd.pipeline(capture="hash")
    def hashed(text: str) -> None:
        inside(text)
        silent(text)

    with recording() as telemetry:
        hashed("secret")
        inside("known")
        found = [
            (
                span["name"],
                span["attributes"].get(semconv.STEP_INPUT, span["attributes"].get(semconv.RUN_INPUT, ""))[:8],
            )
            for span in telemetry.normal_spans()
        ]
    assert found == [
        ("invoke_workflow hashed", '"sha256:'),
        ("step inside", '"sha256:'),
        ("step silent", ""),
        ("step inside", ""),
        ("step inside", '{"text":'),
    ]
    with pytest.raises(ValueError, match="capture must be one of full, hash, off"):
        qd.step(capture="some")  # type: ignore[call-overload] # the wrong word is the test


class Machine:
    @qd.step
    def turn(self, by: int = 1) -> list[int]:
        """Turn it."""
        return [by]

    @classmethod
    @qd.step
    def make(cls) -> "Machine":
        return cls()


@pytest.mark.usefixtures("telemetry")
def test_types_names_and_docstrings_are_the_originals() -> None:
    machine = Machine.make()
    assert_type(machine, Machine)
    assert_type(machine.turn(), list[int])
    assert_type(inner_block(), Iterator[str])
    assert (Machine.turn.__doc__, Machine.turn.__qualname__) == ("Turn it.", "Machine.turn")

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, assert_type

import pytest
from opentelemetry import trace

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording
from support.spans import span_id


def outline(telemetry: Recording) -> list[tuple[str, str | None, str]]:
    """Name, parent and status of every span, in order of start."""
    return [
        (
            span["name"],
            span["parent"],
            span["attributes"].get(semconv.RUN_STATUS) or span["attributes"].get(semconv.STEP_STATUS, ""),
        )
        for span in telemetry.normal_spans()
    ]


@qd.step
def double(x: int) -> int:
    return 2 * x


@qd.step("add one", kind="math", token_budget=7)
async def add_one(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


@qd.step
def words(text: str) -> Iterator[str]:
    yield from text.split()


@qd.step
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        await asyncio.sleep(0)
        yield letter


def test_a_run_of_every_shape_gives_these_spans(telemetry: Recording) -> None:
    @qd.pipeline(version="1.0", config={"mode": "fast"})
    async def everything(x: int) -> dict[str, Any]:
        with qd.step("by hand", index=5, total=9, attempt=2, input={"q": 1}) as block:
            block.set(colour="red", shape={"sides": 3})
            block.output([1, 2])
        return {
            "double": double(x),
            "more": await add_one(x),
            "words": list(words("a b")),
            "letters": [letter async for letter in letters("xy")],
        }

    result = asyncio.run(everything(3))

    assert result == {"double": 6, "more": 4, "words": ["a", "b"], "letters": ["x", "y"]}
    run = "invoke_workflow everything"

    def step(name: str, index: int, given: str, output: str, **more: Any) -> dict[str, Any]:
        attributes = {
            semconv.PIPELINE_NAME: "everything",
            semconv.STEP_ATTEMPT: 1,
            semconv.STEP_INDEX: index,
            semconv.STEP_INPUT: given,
            semconv.STEP_KIND: "python",
            semconv.STEP_NAME: name,
            semconv.STEP_OUTPUT: output,
            semconv.STEP_STATUS: "completed",
            **more,
        }
        return {
            "name": f"step {name}",
            "parent": run,
            "status": "UNSET",
            "attributes": dict(sorted(attributes.items())),
        }

    assert telemetry.normal_spans() == [
        {
            "name": run,
            "parent": None,
            "status": "UNSET",
            "attributes": {
                semconv.AGENT_NAME: "everything",
                semconv.OPERATION_NAME: "invoke_workflow",
                semconv.WORKFLOW_NAME: "everything",
                semconv.PIPELINE_CONFIG: '{"mode":"fast"}',
                semconv.PIPELINE_NAME: "everything",
                semconv.RUN_INPUT: '{"x":3}',
                semconv.RUN_OUTPUT: '{"double":6,"more":4,"words":["a","b"],"letters":["x","y"]}',
                semconv.RUN_STATUS: "completed",
            },
        },
        step(
            "by hand",
            5,
            '{"q":1}',
            "[1,2]",
            colour="red",
            shape='{"sides":3}',
            **{semconv.STEP_TOTAL: 9, semconv.STEP_ATTEMPT: 2},
        ),
        step("double", 1, '{"x":3}', "6"),
        step("add one", 2, '{"x":3}', "4", **{semconv.STEP_KIND: "math", semconv.STEP_TOKEN_BUDGET: 7}),
        step("words", 3, '{"text":"a b"}', '"ab"'),
        step("letters", 4, '{"text":"xy"}', '"xy"'),
    ]


def test_every_span_inside_carries_the_ids_of_run_and_step_other_libraries_too(telemetry: Recording) -> None:
    @qd.pipeline
    def outer() -> None:
        run = qd.current_run()
        assert run is not None
        with qd.step("inner") as step, trace.get_tracer("another.package").start_as_current_span("theirs"):
            assert qd.current_step() is step
            seen.update(run=run.id, step=step.id)

    seen: dict[str, str] = {}
    outer()

    theirs = next(span for span in telemetry.spans() if span.name == "theirs")
    assert theirs.attributes == {
        semconv.RUN_ID: seen["run"],
        semconv.PIPELINE_NAME: "outer",
        semconv.STEP_ID: seen["step"],
        semconv.STEP_NAME: "inner",
    }


def test_the_step_id_is_its_span_id_and_the_version_a_hash_of_the_source(telemetry: Recording) -> None:
    @qd.pipeline
    def outer() -> int:
        return double(1)

    outer()
    outer()

    runs = [span for span in telemetry.spans() if span.name.startswith("invoke_workflow")]
    step = next(span for span in telemetry.spans() if span.name == "step double")
    assert step.attributes is not None
    assert step.attributes[semconv.STEP_ID] == span_id(step)
    versions = {(run.attributes or {})[semconv.PIPELINE_VERSION] for run in runs}
    assert len(versions) == 1
    assert len(str(versions.pop())) == 12
    assert len({(run.attributes or {})[semconv.RUN_ID] for run in runs}) == 2


@pytest.mark.parametrize(
    ("error", "status", "otel"),
    [
        (ValueError("no"), "failed", "ERROR"),
        (KeyboardInterrupt(), "cancelled", "UNSET"),
        (qd.RunCancelled("enough"), "cancelled", "UNSET"),
        (SystemExit(0), "completed", "UNSET"),
        (SystemExit(3), "failed", "ERROR"),
    ],
)
def test_an_exception_passes_through_untouched_and_names_the_status(
    telemetry: Recording, error: BaseException, status: str, otel: str
) -> None:
    @qd.pipeline
    def outer() -> None:
        inner()

    @qd.step
    def inner() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        outer()

    assert caught.value is error
    assert outline(telemetry) == [
        ("invoke_workflow outer", None, status),
        ("step inner", "invoke_workflow outer", status),
    ]
    for span in telemetry.spans():
        assert span.status.status_code.name == otel
        expected = type(error).__name__ if otel == "ERROR" else None
        assert (span.attributes or {}).get(semconv.ERROR_TYPE) == expected
        assert [event.name for event in span.events] == (["exception"] if otel == "ERROR" else [])


def test_a_pipeline_inside_a_run_is_a_step_of_it(telemetry: Recording) -> None:
    @qd.pipeline
    def small() -> int:
        return double(2)

    @qd.pipeline
    def big() -> int:
        return small()

    assert big() == 4
    assert outline(telemetry) == [
        ("invoke_workflow big", None, "completed"),
        ("step small", "invoke_workflow big", "completed"),
        ("step double", "step small", "completed"),
    ]
    assert len({(span.attributes or {})[semconv.RUN_ID] for span in telemetry.spans()}) == 1


async def test_gathered_steps_have_the_run_as_parent_and_every_index_once(telemetry: Recording) -> None:
    @qd.pipeline
    async def fan_out() -> list[int]:
        return await asyncio.gather(*(add_one(n) for n in range(20)))

    assert await fan_out() == list(range(1, 21))
    steps = telemetry.normal_spans()[1:]
    assert {step["parent"] for step in steps} == {"invoke_workflow fan_out"}
    assert sorted(step["attributes"][semconv.STEP_INDEX] for step in steps) == list(range(1, 21))


async def test_two_runs_side_by_side_keep_their_steps_apart(telemetry: Recording) -> None:
    @qd.pipeline
    async def one(n: int) -> None:
        await add_one(n)
        await add_one(n)

    await asyncio.gather(one(1), one(2))

    by_run: dict[Any, list[Any]] = {}
    for span in telemetry.spans():
        attributes = span.attributes or {}
        if semconv.STEP_INDEX in attributes:
            by_run.setdefault(attributes[semconv.RUN_ID], []).append(attributes[semconv.STEP_INDEX])
    assert [sorted(indexes) for indexes in by_run.values()] == [[1, 2], [1, 2]]


def test_a_thread_with_a_copied_context_belongs_to_the_run(telemetry: Recording) -> None:
    @qd.pipeline
    async def outer() -> int:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(double, 4))
        thread.start()
        thread.join()
        return await asyncio.to_thread(double, 5)

    asyncio.run(outer())
    assert outline(telemetry) == [
        ("invoke_workflow outer", None, "completed"),
        ("step double", "invoke_workflow outer", "completed"),
        ("step double", "invoke_workflow outer", "completed"),
    ]


def test_a_suspended_generator_is_not_the_current_step(telemetry: Recording) -> None:
    seen: list[str] = []

    @qd.step
    def source() -> Iterator[int]:
        for n in range(2):
            seen.append(qd.current_step().name)
            yield n

    @qd.pipeline
    def outer() -> None:
        for _ in source():
            seen.append(qd.current_step().name)
            double(1)

    outer()

    assert seen == ["source", "", "source", ""]
    assert [(name, parent) for name, parent, _ in outline(telemetry)] == [
        ("invoke_workflow outer", None),
        ("step source", "invoke_workflow outer"),
        ("step double", "invoke_workflow outer"),
        ("step double", "invoke_workflow outer"),
    ]


def test_a_generator_keeps_its_protocol_send_throw_return_and_close(telemetry: Recording) -> None:
    log: list[Any] = []

    @qd.step
    def talk() -> Any:
        try:
            log.append((yield 1))
            try:
                yield 2
            except KeyError as error:
                log.append(error)
            yield 3
        finally:
            log.append("closed")
        return "end"

    conversation = talk()
    assert next(conversation) == 1
    assert conversation.send("hello") == 2
    thrown = KeyError("x")
    assert conversation.throw(thrown) == 3
    with pytest.raises(StopIteration) as stop:
        next(conversation)
    assert stop.value.value == "end"

    early = talk()
    next(early)
    early.close()

    assert log == ["hello", thrown, "closed", "closed"]
    assert outline(telemetry) == [("step talk", None, "completed")] * 2


async def test_an_async_generator_keeps_its_protocol_too(telemetry: Recording) -> None:
    log: list[Any] = []

    @qd.step
    async def talk() -> Any:
        try:
            log.append((yield 1))
            try:
                yield 2
            except KeyError as error:
                log.append(error)
            yield 3
        finally:
            log.append(qd.current_step().name)

    conversation = talk()
    assert await anext(conversation) == 1
    assert await conversation.asend("hello") == 2
    thrown = KeyError("x")
    assert await conversation.athrow(thrown) == 3
    await conversation.aclose()

    assert log == ["hello", thrown, "talk"]
    assert outline(telemetry) == [("step talk", None, "completed")]


async def test_a_cancelled_task_is_a_cancelled_step(telemetry: Recording) -> None:
    @qd.step
    async def sleepy() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(sleepy())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outline(telemetry) == [("step sleepy", None, "cancelled")]


class Worker:
    @qd.step
    def method(self, x: int) -> int:
        return x

    @qd.step
    @classmethod
    def of_class(cls, x: int) -> int:
        return x

    @qd.step
    @staticmethod
    def of_none(x: int) -> int:
        return x


def test_methods_record_their_arguments_without_self(telemetry: Recording) -> None:
    worker = Worker()
    calls: list[Callable[[int], int]] = [worker.method, worker.of_class, worker.of_none]
    assert [call(1) for call in calls] == [1, 1, 1]
    assert [span["attributes"][semconv.STEP_INPUT] for span in telemetry.normal_spans()] == ['{"x":1}'] * 3


def test_a_wrong_call_is_refused_by_the_function_itself(telemetry: Recording) -> None:
    with pytest.raises(TypeError, match=r"double\(\) missing 1 required positional argument"):
        double()  # type: ignore[call-arg] # the wrong call is the test
    assert outline(telemetry) == [("step double", None, "failed")]


def test_blocks_are_runs_and_steps_too_and_outside_a_step_the_handle_is_inert(telemetry: Recording) -> None:
    qd.current_step().progress(0.5)
    qd.current_step().log("nobody listens")
    assert not qd.current_step()
    assert qd.current_run() is None

    with qd.pipeline("block", input="in", version="2") as run:
        assert run is qd.current_run()
        run.set(team="red")
        with qd.step("one") as step:
            step.budget(5)
            step.progress(done=3, total=12)
        run.output("out")

    first, second = telemetry.normal_spans()
    assert first["attributes"][semconv.RUN_INPUT] == '"in"'
    assert first["attributes"][semconv.RUN_OUTPUT] == '"out"'
    assert first["attributes"]["team"] == "red"
    assert second["attributes"][semconv.STEP_TOKEN_BUDGET] == 5
    assert second["attributes"][semconv.STEP_PROGRESS] == 0.25


async def test_async_with_works_as_well(telemetry: Recording) -> None:
    async with qd.pipeline("outer"), qd.step("inner"):
        pass
    assert outline(telemetry) == [
        ("invoke_workflow outer", None, "completed"),
        ("step inner", "invoke_workflow outer", "completed"),
    ]


def test_type_checkers_see_the_original_signatures(telemetry: Recording) -> None:
    assert_type(double(1), int)
    assert_type([*words("a")], list[str])
    with qd.step("x") as step, qd.pipeline("y"):
        assert step
    assert double.__name__ == "double"
    assert len(telemetry.spans()) == 4

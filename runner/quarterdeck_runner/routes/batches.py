"""Batches: many inputs through one pipeline."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import StreamingResponse

from quarterdeck_runner import batch_rows as rows
from quarterdeck_runner.batch_store import Arm, Item, NewItem
from quarterdeck_runner.catalogue import Entry
from quarterdeck_runner.prediction import total
from quarterdeck_runner.problems import ProblemError, documented
from quarterdeck_runner.rendering import rendered_steps
from quarterdeck_runner.routes.batch_models import (
    BatchList,
    BatchModel,
    Checked,
    ItemModel,
    ItemPage,
    ItemStatus,
    Resume,
    StartBatch,
    of_batch,
    of_item,
)
from quarterdeck_runner.routes.pipelines import find, require_runnable
from quarterdeck_runner.routes.state import Parts, Runner
from quarterdeck_runner.spec import Pipeline

router = APIRouter(prefix="/v1/batches", tags=["batches"])

MAX_BYTES: Final = 64 << 20
_SHOWN_PROBLEMS: Final = 100
_STREAMED: Final = 200
_SAMPLED: Final = 20


@router.post("", status_code=202, responses=documented(404, 409, 422))
async def start_batch(start: Annotated[StartBatch, Body()], runner: Runner) -> BatchModel:
    """Start a batch; every row is checked before the first one runs."""
    content, form = start.content
    options = start.model_dump(include={"name", "inputs", "concurrency", "max_cost_usd"})
    return await _start(runner, start.pipeline, content, form, **options)


@router.post("/check", responses=documented(404, 409, 422))
async def check_batch(start: Annotated[StartBatch, Body()], runner: Runner) -> Checked:
    """Check the rows and predict the cost of a batch; nothing is started and nobody is asked."""
    entry, found = await _rows(runner, start.pipeline, *start.content, start.inputs)
    step = max(1, len(found) // _SAMPLED)
    sample = found[::step][:_SAMPLED]
    rendered = await asyncio.to_thread(
        lambda: [call for row in sample for step in rendered_steps(entry.pipeline, row.inputs) for call in step.calls]
    )
    predicted = [await runner.predictor.predict(each.call, ask=False) for each in rendered]
    cost, most = total([each.cost for each in predicted]), total([each.max_cost for each in predicted])
    share = len(found) / len(sample)
    return Checked(
        items=len(found),
        cost_usd=None if cost is None else cost * share,
        max_cost_usd=None if most is None else most * share,
        sampled=len(sample),
        waits_for=list(dict.fromkeys(name for each in rendered for name in each.waits_for)),
    )


@router.post(
    "/upload",
    status_code=202,
    responses=documented(404, 409, 413, 415, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": "topic\ntides\nrain\n"},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": '{"topic": "tides"}\n'},
            },
        }
    },
)
async def upload_batch(
    request: Request,
    runner: Runner,
    *,
    pipeline: Annotated[str, Query(description="Name of the pipeline.")],
    name: Annotated[str, Query(max_length=200, description="For people; by default the pipeline's name.")] = "",
    concurrency: Annotated[int, Query(ge=1, le=500, description="Items at once.")] = 10,
    max_cost_usd: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="USD it may cost.")] = None,
) -> BatchModel:
    """Start a batch from a file: CSV (`text/csv`), or JSON lines (`application/x-ndjson`)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    forms: dict[str, rows.Format] = {"text/csv": "csv", "application/x-ndjson": "jsonl", "application/jsonl": "jsonl"}
    if kind not in forms:
        detail = f"send the file as {' or '.join(forms)}, not as {kind or 'nothing'}"
        raise ProblemError(415, "The content type is not known", detail)
    text = await _text(request)
    return await _start(
        runner, pipeline, text, forms[kind], name=name, inputs={}, concurrency=concurrency, max_cost_usd=max_cost_usd
    )


@router.get("", responses=documented(422))
async def list_batches(
    runner: Runner,
    kind: Annotated[Literal["batch", "experiment"] | None, Query(description="Which ones; both by default.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
) -> BatchList:
    """List batches, newest first."""
    return BatchList(batches=[await of_batch(runner, batch) for batch in await runner.batches.newest(limit, kind)])


@router.get("/{batch_id}", responses=documented(404))
async def get_batch(batch_id: str, runner: Runner) -> BatchModel:
    """Read a batch and how far it is."""
    return await of_batch(runner, await runner.batches.get(batch_id))


@router.post("/{batch_id}/pause", status_code=202, responses=documented(404, 409))
async def pause_batch(batch_id: str, runner: Runner) -> BatchModel:
    """Start no further item; those that run go on to their end."""
    return await of_batch(runner, await runner.batches.pause(batch_id))


@router.post("/{batch_id}/stop", status_code=202, responses=documented(404, 409))
async def stop_batch(batch_id: str, runner: Runner) -> BatchModel:
    """Start no further item and break off those that run; they begin anew when the batch is resumed."""
    return await of_batch(runner, await runner.batches.stop(batch_id))


@router.post("/{batch_id}/resume", status_code=202, responses=documented(404, 409, 422))
async def resume_batch(batch_id: str, runner: Runner, resume: Annotated[Resume | None, Body()] = None) -> BatchModel:
    """Go on with a paused or stopped batch; one that reached its cost limit needs a higher one."""
    changes = resume or Resume(max_cost_usd=None)
    batch = await runner.batches.resume(batch_id, max_cost_usd=changes.max_cost_usd, concurrency=changes.concurrency)
    return await of_batch(runner, batch)


@router.post("/{batch_id}/rerun", status_code=202, responses=documented(404, 409))
async def rerun_batch(batch_id: str, runner: Runner) -> BatchModel:
    """Do the items again that failed or were cancelled, and only those."""
    return await of_batch(runner, await runner.batches.rerun(batch_id))


@router.get("/{batch_id}/items", responses=documented(404, 422))
async def list_items(
    batch_id: str,
    runner: Runner,
    status: Annotated[ItemStatus | None, Query(description="Only items of this status.")] = None,
    cursor: Annotated[
        str, Query(pattern="^[0-9]{1,9}$", description="`next_cursor` of the page before; the first page has none.")
    ] = "0",
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
) -> ItemPage:
    """List the items of a batch, in order."""
    batch = await runner.batches.get(batch_id)
    found = await runner.batches.items(batch_id, status=status or "", after=int(cursor), limit=limit + 1)
    arms = await runner.batches.arms(batch_id)
    page = [of_item(batch, arms, item) for item in found[:limit]]
    return ItemPage(items=page, next_cursor=str(page[-1].number) if len(found) > limit else None)


@router.get(
    "/{batch_id}/results.jsonl",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/x-ndjson": {"example": '{"number": 1, "status": "completed"}\n'}}},
        **documented(404),
    },
)
async def results_as_jsonl(batch_id: str, runner: Runner) -> StreamingResponse:
    """Every item as a line of JSON, in order."""
    batch, arms = await runner.batches.get(batch_id), await runner.batches.arms(batch_id)

    def lines(items: Sequence[Item]) -> str:
        return "".join(f"{of_item(batch, arms, item).model_dump_json()}\n" for item in items)

    return StreamingResponse(_streamed(runner, batch_id, lines), media_type="application/x-ndjson")


@router.get(
    "/{batch_id}/results.csv",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/csv": {"example": "number,status,output\n1,completed,fine\n"}}},
        **documented(404),
    },
)
async def results_as_csv(batch_id: str, runner: Runner) -> StreamingResponse:
    """Every item as a row of CSV, in order, each input in a column of its own."""
    batch, arms = await runner.batches.get(batch_id), await runner.batches.arms(batch_id)
    first = await runner.batches.items(batch_id, limit=1)
    names = list(first[0].inputs) if first else []
    plain = [name for name in ItemModel.model_fields if name not in {"inputs", "output"}]
    header = _csv_line([*plain, *(f"inputs.{name}" for name in names), "output"])

    def lines(items: Sequence[Item]) -> str:
        found = (of_item(batch, arms, item) for item in items)
        return "".join(
            _csv_line(
                [*(getattr(each, name) for name in plain), *(each.inputs.get(name) for name in names), each.output]
            )
            for each in found
        )

    return StreamingResponse(_streamed(runner, batch_id, lines, header), media_type="text/csv; charset=utf-8")


async def _streamed(
    runner: Parts, batch_id: str, lines: Callable[[Sequence[Item]], str], header: str = ""
) -> AsyncIterator[str]:
    if header:
        yield header
    after = 0
    while page := await runner.batches.items(batch_id, after=after, limit=_STREAMED):
        yield await asyncio.to_thread(lines, page)
        after = page[-1].number


def _csv_line(cells: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([_cell(cell) for cell in cells])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


async def _start(
    runner: Parts,
    pipeline: str,
    content: str | Sequence[Any],
    form: rows.Format,
    *,
    name: str,
    inputs: dict[str, Any],
    concurrency: int,
    max_cost_usd: float | None,
) -> BatchModel:
    entry, found = await _rows(runner, pipeline, content, form, inputs)
    if max_cost_usd is not None:
        require_prices(runner, entry.pipeline)
    batch = await runner.batches.start(
        name or entry.pipeline.name,
        [_arm(entry)],
        [NewItem(row.line, 0, row.inputs) for row in found],
        concurrency=concurrency,
        max_cost_usd=max_cost_usd,
    )
    return await of_batch(runner, batch)


async def _rows(
    runner: Parts, pipeline: str, content: str | Sequence[Any], form: rows.Format, inputs: dict[str, Any]
) -> tuple[Entry, list[rows.Row]]:
    """The pipeline and its complete rows, or a problem that names every one that does not fit."""
    entry = await find(runner.catalogue, pipeline)
    require_runnable(entry)
    found, problems = await asyncio.to_thread(rows.read, content, form, entry.pipeline.inputs, inputs)
    refuse_rows(problems)
    return entry, found


def _arm(entry: Entry) -> Arm:
    return Arm(entry.pipeline.name, "", str(entry.pipeline.file.resolve()), entry.source)


def refuse_rows(problems: Sequence[rows.RowProblem]) -> None:
    """Answer with everything that is wrong with the rows, if anything is.

    Raises:
        ProblemError: something is.
    """
    if not problems:
        return
    shown = [vars(each) for each in problems[:_SHOWN_PROBLEMS]]
    texts = [f"line {each.line}: {each.input and f'{each.input!r} '}{each.message}" for each in problems[:3]]
    more = f"; and {len(problems) - 3} more" if len(problems) > len(texts) else ""
    raise ProblemError(422, "The rows do not fit", "; ".join(texts) + more, shown)


def require_prices(runner: Parts, pipeline: Pipeline) -> None:
    """Refuse a cost limit where costs cannot be known.

    Raises:
        ProblemError: a model has no known price.
    """
    for step in pipeline.steps:
        provider: Literal["claude", "gemini"] = "gemini" if step.type.startswith("gemini") else "claude"
        for call in step.calls:
            if not runner.ledger.prices.known(provider, call.model):
                detail = (
                    f"the price of model '{call.model}' (step '{step.name}') is not known, so a cost limit cannot be "
                    "kept: leave `max_cost_usd` out, or give the price in the file that QUARTERDECK_PRICES names"
                )
                raise ProblemError(422, "The cost limit cannot be kept", detail)


async def _text(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise ProblemError(413, "The file is too large", f"a file may have {MAX_BYTES} bytes: make several batches")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise ProblemError(
            422, "The rows do not fit", f"line {line} is no UTF-8 text: save the file as UTF-8"
        ) from error

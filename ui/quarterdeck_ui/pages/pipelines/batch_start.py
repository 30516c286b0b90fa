"""The tab in which many inputs are sent through a pipeline: file, columns, prompts and cost before anything starts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import BatchCheck, Pipeline
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.pipelines import batch_file, batch_follow
from quarterdeck_ui.pages.pipelines.batch_file import Source, Table
from quarterdeck_ui.pages.pipelines.prompts_view import cost_range, show_prompts

_PREVIEWED: Final = 3
_SHOWN_ROWS: Final = 5
_CHECKED_BYTES: Final = 6 << 20
"""What a check may send: the runner takes larger files only to start them."""
_DEFAULT: Final = "(its default)"
_FIXED: Final = "(one value for all)"


def show(pipeline: Pipeline) -> None:
    """Draw the tab.

    Args:
        pipeline: One that can run.
    """
    file = st.file_uploader(
        "Rows", type=["csv", "jsonl", "ndjson"], key=f"rows-{pipeline['name']}", max_upload_size=64,
        help="CSV whose first line names the columns, or JSON lines, an object each. UTF-8.",
    )  # fmt: skip
    if file is None:
        _before(pipeline)
        return
    try:
        table = _read(file.file_id, file.name, file.getvalue())
    except ValueError as error:
        st.error(f"{file.name}: {error}", icon=":material/error:")
        return
    _prepare(pipeline, table, file.name)


def _before(pipeline: Pipeline) -> None:
    names = ", ".join(f"`{field['name']}`" + (" *" if field["required"] else "") for field in pipeline["inputs"])
    st.caption(
        f"Each row becomes a run. Inputs: {names or 'none'} (* must be given). Nothing starts before you say so."
    )
    batch_follow.newest(pipeline["name"])


@st.cache_data(max_entries=4, show_spinner=False)
def _read(_id: str, name: str, content: bytes) -> Table:
    return batch_file.read(name, content)


@st.fragment
def _prepare(pipeline: Pipeline, table: Table, file: str) -> None:
    st.caption(f"{file}: {len(table.rows):,} rows, columns {', '.join(table.columns)}")
    st.dataframe(list(table.rows[:_SHOWN_ROWS]), hide_index=True, width="stretch", key="rows-shown")
    mapping = _mapping(pipeline, table)
    if lacking := batch_file.missing(pipeline["inputs"], mapping):
        st.warning(f"Choose a column or a value for {', '.join(lacking)}.", icon=":material/warning:")
        return
    left, right = st.columns(2)
    concurrency = left.number_input("Items at once", 1, 500, 10, key="batch-concurrency")
    most = right.number_input(
        "Cost limit (USD)", min_value=0.0, value=None, key="batch-limit", placeholder="none",
        help="No item starts that would lead above it.",
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        preview = st.button("Check and preview", icon=":material/visibility:", key="batch-check")
        start = identity.steers() and st.button(
            f"Run {len(table.rows):,} rows", type="primary", icon=":material/play_arrow:", key="batch-start"
        )
    identity.offers("Starting a batch")
    if start:
        _start(
            pipeline,
            table,
            mapping,
            name=f"{pipeline['name']}: {file}",
            concurrency=int(concurrency),
            most=most or None,
        )
    elif preview:
        _check(pipeline, table, mapping)


def _mapping(pipeline: Pipeline, table: Table) -> dict[str, Source]:
    guesses = batch_file.guessed(table, pipeline["inputs"])
    found: dict[str, Source] = {}
    st.subheader("Columns", anchor=False)
    if not pipeline["inputs"]:
        st.caption("This pipeline takes no inputs: every row is the same run.")
    places = st.columns(min(3, max(1, len(pipeline["inputs"]))))
    for number, field in enumerate(pipeline["inputs"]):
        name = field["name"]
        options = [*table.columns, _FIXED, *([] if field["required"] else [_DEFAULT])]
        guess = guesses.get(name, Source()).column
        with places[number % len(places)]:
            chosen = st.selectbox(
                name + (" *" if field["required"] else ""),
                options,
                index=options.index(guess) if guess else len(options) - 1,
                key=f"column-{pipeline['name']}-{name}",
                help=field["description"] or None,
            )
            if chosen == _FIXED:
                found[name] = Source(value=st.text_input(f"Value of {name}", key=f"value-{pipeline['name']}-{name}"))
            elif chosen != _DEFAULT:
                found[name] = Source(column=chosen)
    return found


def _check(pipeline: Pipeline, table: Table, mapping: Mapping[str, Source]) -> None:
    try:
        found, looked_at = _checked(pipeline, table, mapping)
    except RunnerError as error:
        problems(error, "The rows do not fit")
        return
    share = len(table.rows) / looked_at
    expected, most = (None if cost is None else cost * share for cost in (found["cost_usd"], found["max_cost_usd"]))
    st.success(
        f"{found['items'] if share == 1 else len(table.rows):,} rows fit: {cost_range(expected, most)}.",
        icon=":material/check:",
    )
    if share > 1:
        st.caption(f"The file is large: its first {looked_at:,} rows were checked, the others will be when it starts.")
    if found["waits_for"]:
        st.caption(
            f"Answers of {', '.join(found['waits_for'])} are part of later prompts: their length is missing here."
        )
    _first_prompts(pipeline, table, mapping)


def _checked(pipeline: Pipeline, table: Table, mapping: Mapping[str, Source]) -> tuple[BatchCheck, int]:
    """What the runner says, and of how many rows."""
    count = len(table.rows)
    text = batch_file.text_of(table, pipeline["inputs"], mapping)
    while len(text.encode()) > _CHECKED_BYTES and count > 1:
        count = max(1, count // 2)
        text = batch_file.text_of(table, pipeline["inputs"], mapping, count)
    return services.current().runner.batches.check(pipeline["name"], text, table.form), count


def _first_prompts(pipeline: Pipeline, table: Table, mapping: Mapping[str, Source]) -> None:
    st.subheader("First prompts", anchor=False)
    for number in range(min(_PREVIEWED, len(table.rows))):
        inputs = batch_file.inputs_of(table, pipeline["inputs"], mapping, number)
        try:
            found = services.current().runner.dry_run(pipeline["name"], inputs)
        except RunnerError as error:
            st.error(f"Row {number + 1}: {error}", icon=":material/error:")
            continue
        with st.expander(f"Row {number + 1}: {_line(inputs)}", expanded=number == 0):
            show_prompts(found["steps"], 6)


def _start(
    pipeline: Pipeline,
    table: Table,
    mapping: Mapping[str, Source],
    *,
    name: str,
    concurrency: int,
    most: float | None,
) -> None:
    if not identity.may_steer():
        return
    text = batch_file.text_of(table, pipeline["inputs"], mapping)
    try:
        batch = services.current().runner.batches.start(
            pipeline["name"], text, table.form, concurrency=concurrency, max_cost_usd=most, name=name[:200]
        )
    except RunnerError as error:
        problems(error, "Not started")
        return
    st.query_params["batch"] = batch["id"]
    st.rerun()


def problems(error: RunnerError, title: str) -> None:
    """Draw a refusal with every row that does not fit.

    Args:
        error: The refusal.
        title: What did not happen.
    """
    st.error(f"{title}: {error}", icon=":material/error:")
    rows: Sequence[Mapping[str, Any]] = error.problem.get("errors") or []
    if rows:
        st.dataframe(rows, hide_index=True, width="stretch", key="row-problems")


def _line(inputs: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in inputs.items())
    return text if len(text) <= 100 else f"{text[:99]}…"  # noqa: PLR2004 - one line

"""A batch while it runs and after: progress, cost, results, what failed again, export."""

import json
from collections.abc import Sequence
from typing import Any, Final, cast

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck.runner_types import Batch, BatchAction, BatchItem, ItemStatus
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.pipelines.prompts_view import usd

_EVERY_S: Final = 1.0
_ON_A_PAGE: Final = 100
_MOST: Final = 1000
_MINUTE: Final = 60
_ALL: Final = "all"
_STATUSES: Final = {
    "pending": "○ pending",
    "running": "◐ running",
    "completed": "✓ completed",
    "failed": "✕ failed",
    "cancelled": "⊘ cancelled",
}
_ACTIONS: Final[dict[BatchAction, tuple[str, str]]] = {
    "pause": ("Pause", ":material/pause:"),
    "resume": ("Resume", ":material/play_arrow:"),
    "stop": ("Stop", ":material/stop:"),
    "rerun": ("Run failed rows again", ":material/replay:"),
}
_COLOURS: Final = {"running": "blue", "paused": "gray", "stopped": "orange", "completed": "green"}
_ICONS: Final = {
    "running": ":material/progress_activity:",
    "paused": ":material/pause:",
    "stopped": ":material/stop:",
    "completed": ":material/check:",
}


def show(batch_id: str) -> None:
    """Draw a batch.

    Args:
        batch_id: Its id.

    Raises:
        RunnerError: The runner is away, or there is no such batch.
    """
    batch = services.current().runner.batches.get(batch_id)
    st.button("All batches", icon=":material/arrow_back:", type="tertiary", key="all-batches", on_click=_leave)
    is_live = batch["status"] == "running"
    st.fragment(_follow, run_every=_EVERY_S if is_live else None)(batch_id, is_live)
    _results(batch)


def newest(pipeline: str = "") -> None:
    """Draw the newest batches.

    Args:
        pipeline: Only those that were started here for a pipeline; empty for all.
    """
    newest_first = services.current().runner.batches.newest()
    found = [each for each in newest_first if not pipeline or f"{each['name']}: ".startswith(f"{pipeline}: ")]
    if not found:
        if not pipeline:
            st.info(
                "No batch yet: open a pipeline and send a file of rows through it, in its tab Batch.",
                icon=":material/lightbulb:",
            )
        return
    st.subheader("Batches", anchor=False)
    for batch in found[:20]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"batch-{batch['id']}"):
            _badge(batch)
            st.button(
                batch["name"], type="tertiary", key=f"open-batch-{batch['id']}", on_click=_open, args=(batch["id"],)
            )
            st.caption(_summary(batch))


def _summary(batch: Batch) -> str:
    items = batch["items"]
    failed = f", {items['failed']:,} failed" if items["failed"] else ""
    began = batch["created_at"][:16].replace("T", " ")
    return f"{items['completed']:,} of {items['total']:,} done{failed}, {usd(batch['cost_usd'])}, {began}"


def _follow(batch_id: str, was_live: bool) -> None:
    try:
        batch = services.current().runner.batches.get(batch_id)
    except RunnerError as error:
        st.warning(f"The runner does not tell now: {error}", icon=":material/cloud_off:")
        return
    if (batch["status"] == "running") != was_live:
        st.rerun()
    items = batch["items"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="batch-head"):
        st.markdown(f"**{batch['name']}**", width="content")
        _badge(batch)
        st.space("stretch")
        for action in batch["actions"] if identity.steers() else ():
            label, icon = _ACTIONS[action]
            st.button(
                label, icon=icon, key=f"batch-{action}", on_click=_steer, args=(batch_id, action), width="content"
            )
    ended = items["completed"] + items["failed"] + items["cancelled"]
    st.progress(ended / max(items["total"], 1), text=progress_text(batch))
    if batch["reason"]:
        st.warning(batch["reason"], icon=":material/warning:")
    with st.container(horizontal=True, gap="medium", key="batch-numbers"):
        st.metric("Completed", f"{items['completed']:,}", width="content")
        st.metric("Failed", f"{items['failed']:,}", width="content")
        st.metric("Cost", usd(batch["cost_usd"]) + ("+" if batch["unpriced_calls"] else ""), width="content")
        st.metric("Tokens in", f"{batch['input_tokens']:,}", width="content")
        st.metric("Tokens out", f"{batch['output_tokens']:,}", width="content")
    if batch["unpriced_calls"]:
        st.caption(f"{batch['unpriced_calls']:,} calls are missing in the cost: their price is not known.")


def progress_text(batch: Batch) -> str:
    """How far a batch is and how long it will take, in words."""
    items = batch["items"]
    ended = items["completed"] + items["failed"] + items["cancelled"]
    text = f"{ended:,} of {items['total']:,} rows"
    if batch["status"] == "running" and items["running"]:
        text += f", {items['running']:,} running"
    if batch["eta_seconds"] is not None:
        minutes, seconds = divmod(int(batch["eta_seconds"]), _MINUTE)
        left = f"{minutes} min" if minutes else f"{seconds} s"
        text += f", about {left} left at {batch['items_per_minute']:.0f} rows a minute"
    return text


def _results(batch: Batch) -> None:
    runner = services.current().runner
    st.subheader("Results", anchor=False)
    counts = cast("dict[str, int]", batch["items"])
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="batch-results-bar"):
        status = st.segmented_control(
            "Rows",
            [_ALL, *(name for name in _STATUSES if counts[name])],
            default=_ALL,
            key="batch-status",
            format_func=lambda name: _STATUSES.get(name, "All"),
            label_visibility="collapsed",
        )
        st.space("stretch")
        for form, label, kind in (("csv", "CSV", "text/csv"), ("jsonl", "JSON lines", "application/x-ndjson")):
            st.download_button(
                label,
                lambda form=form: runner.batches.results(batch["id"], form),  # type: ignore[misc]  # bound now
                f"batch-{batch['id']}.{form}",
                kind,
                icon=":material/download:",
                key=f"batch-export-{form}",
                on_click="ignore",
                width="content",
            )
    wanted = None if status in {None, _ALL} else cast("ItemStatus", status)
    cursor, limit = None, _MOST
    if wanted is None and counts["total"] > _ON_A_PAGE:
        page = st.pagination(-(-counts["total"] // _ON_A_PAGE), key="batch-page")
        cursor, limit = str((page - 1) * _ON_A_PAGE), _ON_A_PAGE
    _table(batch["id"], wanted, cursor, limit)


def _table(batch_id: str, status: ItemStatus | None, cursor: str | None, limit: int) -> None:
    page = services.current().runner.batches.items(batch_id, status, cursor, limit)
    st.dataframe(
        rows(page["items"]),
        hide_index=True,
        width="stretch",
        key="batch-rows",
        placeholder="",
        column_config={
            "line": st.column_config.NumberColumn(width=60),
            "output": st.column_config.TextColumn(width="large"),
            "error": st.column_config.TextColumn(width="medium"),
            "cost": st.column_config.NumberColumn(format="$%.5f"),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
            "run": st.column_config.LinkColumn(display_text="open"),
        },
    )
    if status and page["next_cursor"]:
        st.caption(f"The first {limit:,} of them; an export has all.")


def rows(items: Sequence[BatchItem]) -> list[dict[str, Any]]:
    """The rows of the table of results."""
    return [
        {
            "line": item["line"],
            "status": _STATUSES[item["status"]],
            **{f"in: {name}": _text(value) for name, value in item["inputs"].items()},
            "output": _text(item["output"]),
            "error": item["error"] or "",
            "cost": item["cost_usd"],
            "tokens": item["input_tokens"] + item["output_tokens"],
            "seconds": item["duration_seconds"],
            "attempts": item["attempts"],
            "run": f"/?run={item['run_id']}" if item["run_id"] else None,
        }
        for item in items
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _badge(batch: Batch) -> None:
    status = batch["status"]
    st.badge(status, color=cast("Any", _COLOURS[status]), icon=_ICONS[status])


def _steer(batch_id: str, action: BatchAction) -> None:
    if not identity.may_steer():
        return
    try:
        services.current().runner.batches.steer(batch_id, action)
    except RunnerError as error:
        st.toast(f"{action} did not work: {error}", icon="⚠️", duration="long")


def _open(batch_id: str) -> None:
    st.query_params["batch"] = batch_id


def _leave() -> None:
    st.query_params.pop("batch", None)

"""What an experiment has shown: each arm by itself, against the baseline, and answer beside answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from quarterdeck.runner_client import RunnerError
from quarterdeck_ui import services
from quarterdeck_ui.access import identity
from quarterdeck_ui.pages.debugger.sending import money

_AGAIN_S: Final = 2.0
_SURE: Final = 0.05
_BY_ITEM: Final = 200
_NAMES: Final = {
    "score": "Score",
    "cost_usd": "Cost",
    "latency_seconds": "Seconds",
    "input_tokens": "Input tokens",
    "output_tokens": "Output tokens",
}
_LESS_IS_BETTER: Final = frozenset({"cost_usd", "latency_seconds", "input_tokens", "output_tokens"})

Json = Mapping[str, Any]


def show(experiment_id: str) -> None:
    """Draw the results; while the experiment runs they are read again.

    Raises:
        RunnerError: The runner does not answer.
    """
    found = services.current().runner.ask("GET", f"/v1/experiments/{experiment_id}")
    if found["batch"]["status"] == "running":
        st.fragment(_look, run_every=_AGAIN_S)(experiment_id)
    else:
        _draw(found)


def _look(experiment_id: str) -> None:
    found = services.current().runner.ask("GET", f"/v1/experiments/{experiment_id}")
    if found["batch"]["status"] != "running":
        st.rerun()
    _draw(found)


def _draw(found: Json) -> None:
    batch = found["batch"]
    items = batch["items"]
    ended = items["total"] - items["pending"] - items["running"]
    st.subheader(batch["name"], anchor=False)
    said = f"{batch['status']} · {ended:,} of {items['total']:,} answers · {items['failed']} failed"
    st.progress(ended / max(1, items["total"]), f"{said} · {money(batch['cost_usd'])}".replace("$", r"\$"))
    if batch["reason"]:
        st.warning(batch["reason"], icon=":material/warning:")
    _steering(batch)
    st.dataframe([_arm(arm) for arm in found["arms"]], hide_index=True)
    st.subheader(f"Against {found['baseline_variant']} with {found['baseline_model']}", anchor=False)
    rows = [_comparison(each) for each in found["comparisons"] if each["difference"]]
    if rows:
        st.dataframe(rows, hide_index=True)
    st.caption(found["note"])
    _answers(batch["id"])


def _steering(batch: Json) -> None:
    with st.container(horizontal=True):
        for action in batch["actions"] if identity.steers() else ():
            if st.button(action.capitalize(), key=f"experiment-{action}") and identity.may_steer():
                services.current().runner.ask("POST", f"/v1/batches/{batch['id']}/{action}")
                st.rerun()


def _arm(arm: Json) -> dict[str, str]:
    line = {"Variant": arm["variant"], "Model": arm["model"], "Completed": f"{arm['completed']} of {arm['items']}"}
    return line | {label: _interval(arm[name], name) for name, label in _NAMES.items()}


def _comparison(each: Json) -> dict[str, str]:
    name, difference = each["metric"], each["difference"]
    return {
        "Variant": each["variant"],
        "Model": each["model"],
        "Measure": _NAMES[name],
        "Difference": _interval(difference, name, signed=True),
        "p": "" if difference["p_value"] is None else f"{difference['p_value']:.3f}",
        "Inputs": str(difference["count"]),
        "Verdict": verdict(name, difference),
    }


def verdict(metric: str, difference: Json) -> str:
    """What a paired difference says in words.

    Args:
        metric: What is compared.
        difference: Mean, ``low``, ``high`` and ``p_value`` of variant minus baseline.
    """
    mean, chance = difference["mean"], difference["p_value"]
    if chance is None or chance >= _SURE or not mean:
        return "≈ no difference shown"
    better = (mean < 0) == (metric in _LESS_IS_BETTER)
    return "▲ better" if better else "▼ worse"


def _interval(found: Json | None, metric: str, *, signed: bool = False) -> str:
    if found is None:
        return "-"
    mean = _value(found["mean"], metric, signed=signed)
    if found["low"] is None or found["low"] == found["high"]:
        return mean
    low, high = (_value(found[end], metric, signed=signed) for end in ("low", "high"))
    return f"{mean} ({low} to {high})"


def _value(value: float, metric: str, *, signed: bool) -> str:
    sign = ("+" if value > 0 else "-" if value < 0 else "±") if signed else ""
    size = abs(value) if signed else value
    if metric == "cost_usd":
        return sign + money(size)
    return sign + (f"{size:,.0f}" if metric.endswith("tokens") else f"{size:.3g}")


def _answers(batch_id: str) -> None:
    try:
        page = services.current().runner.ask("GET", f"/v1/batches/{batch_id}/items?limit={_BY_ITEM}")["items"]
    except RunnerError as error:
        st.caption(f"The answers cannot be read: {error}")
        return
    lines: dict[int, list[Json]] = {}
    for item in page:
        lines.setdefault(item["line"], []).append(item)
    if not lines:
        return
    st.subheader("Answers side by side", anchor=False)
    line = st.selectbox(
        "Input", list(lines), format_func=lambda each: _input(each, lines[each]), key=f"line-{batch_id}"
    )
    if line is not None:
        _side_by_side(lines[line])


def _input(line: int, items: Sequence[Json]) -> str:
    values = ", ".join(f"{name}: {value}" for name, value in items[0]["inputs"].items())
    return f"{line} · {values[:120]}"


def _side_by_side(items: Sequence[Json]) -> None:
    for start in range(0, len(items), 3):
        for column, item in zip(st.columns(3), items[start : start + 3], strict=False):
            with column.container(border=True):
                score = "" if item["score"] is None else f" · score {item['score']:.2f}"
                st.markdown(f"**{item['variant']}** · `{item['model']}` · {item['status']}{score}")
                if item["verdict"]:
                    st.caption(item["verdict"])
                if item["error"]:
                    st.error(item["error"], icon=":material/error:")
                st.code(_text(item["output"]), language=None, wrap_lines=True, height=220)
                took = "" if item["duration_seconds"] is None else f" · {item['duration_seconds']:.2f} s"
                st.caption(f"{item['output_tokens']:,} tokens · {money(item['cost_usd'])}{took}".replace("$", r"\$"))
                if item["run_id"]:
                    st.link_button("Run", f"/?run={item['run_id']}", icon=":material/open_in_new:")


def _text(output: Any) -> str:
    if isinstance(output, Mapping):
        output = output.get("text", output.get("answer", output))
    return output if isinstance(output, str) else "" if output is None else str(output)

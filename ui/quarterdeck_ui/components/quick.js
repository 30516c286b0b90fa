// The quick selector (Ctrl+P): type a part of a pipeline or a run, arrows, Enter.
import { attr, el, icon } from "./dom.js";
import { dialogIsOpen, openDialog } from "./dialogs.js";
import { OPEN, duration, moment } from "./format.js";
import { now, select, state } from "./store.js";

const MOST_RUNS = 40;
const MOST_PIPELINES = 8;

// Pipelines with their newest run, and runs, that hold every word; open runs first, as in the list.
export function choices(runs, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (text) => words.every((word) => text.toLowerCase().includes(word));
  const pipelines = new Map();
  for (const run of runs) {
    if (!run.name) continue;
    const known = pipelines.get(run.name);
    if (!known) pipelines.set(run.name, { name: run.name, run, count: 1, open: OPEN.has(run.status) ? 1 : 0 });
    else { known.count += 1; known.open += OPEN.has(run.status) ? 1 : 0; }
  }
  return {
    pipelines: [...pipelines.values()].filter((each) => holds(each.name)).slice(0, MOST_PIPELINES),
    runs: runs.filter((run) => holds(`${run.name} ${run.id} ${run.status} ${run.step} ${run.service} ${run.models.join(" ")}`)).slice(0, MOST_RUNS),
  };
}

export function quick(root, { onPipeline }) {
  if (dialogIsOpen(root)) return;
  const input = el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "qd-choices", "aria-autocomplete": "list", "aria-label": "Go to a pipeline or run", placeholder: "Go to a pipeline or run", spellcheck: "false", autocomplete: "off", "data-qd": "quick" });
  const list = el("div", { class: "quick-list", id: "qd-choices", role: "listbox", "aria-label": "Pipelines and runs" });
  const dialog = openDialog(root, "Go to a pipeline or run", el("label", { class: "quick" }, icon("search", 14), input), list, el("div", { class: "quick-foot", "aria-hidden": "true" }, "↑ ↓ to move · Enter to open · Esc to close"));
  let rows = [];
  let at = 0;

  function row(kind, act, ...children) {
    const node = el("div", { class: `choice ${kind}`, role: "option", id: `qd-choice-${rows.length}`, onclick: () => { dialog.close(); act(); } }, ...children);
    node.act = act;
    rows.push(node);
    return node;
  }

  function draw() {
    const found = choices(state.order.map((id) => state.runs.get(id)), input.value);
    rows = [];
    const pipelines = found.pipelines.map(({ name, run, count, open }) => row("pipeline", () => { onPipeline(name); select(run.id); }, icon("run", 13), el("span", { class: "name" }, name), el("span", { class: "note" }, `${count} ${count === 1 ? "run" : "runs"}${open ? `, ${open} active` : ""}`)));
    const runs = found.runs.map((run) => row("one", () => select(run.id), el("span", { class: "status", "data-status": run.status }, icon(run.status, 12), el("b", {}, run.status)), el("span", { class: "name" }, run.name || run.id), el("span", { class: "note" }, `${moment(run.started, now())} · ${duration((run.ended ?? now()) - run.started)}`)));
    const group = (title, nodes) => (nodes.length ? [el("div", { role: "group", "aria-label": title }, el("div", { class: "list-title", "aria-hidden": "true" }, title), ...nodes)] : []);
    list.replaceChildren(...group("Pipelines", pipelines), ...group("Runs", runs));
    if (!rows.length) list.replaceChildren(el("div", { class: "empty" }, el("p", {}, input.value ? "No recent run of that name. The history (button above the list) finds older ones." : "No runs yet.")));
    move(0);
  }

  function move(to) {
    at = rows.length ? (to + rows.length) % rows.length : 0;
    rows.forEach((each, index) => attr(each, "aria-selected", String(index === at)));
    attr(input, "aria-activedescendant", rows[at]?.id);
    rows[at]?.scrollIntoView({ block: "nearest" });
  }

  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) { event.preventDefault(); move(Math.abs(step) > 1 ? Math.max(0, Math.min(rows.length - 1, at + step)) : at + step); }
    else if (event.key === "Enter" && rows[at]) { event.preventDefault(); const { act } = rows[at]; dialog.close(); act(); }
  });
  draw();
  input.focus();
}

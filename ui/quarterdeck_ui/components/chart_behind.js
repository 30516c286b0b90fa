// The runs behind a point of a chart, in a dialog; each opens at the call that stands out.
import { openDialog } from "./dialogs.js";
import { el, icon } from "./dom.js";
import { count, money, seconds } from "./format.js";
import { select, state } from "./store.js";

const FIGURES = {
  tokens: (run) => `${count(run.tokens)} tokens`,
  cost: (run) => (run.cost === null ? "price unknown" : money(run.cost)),
  errors: (run) => `${count(run.errors)} failed`,
  latency: (run) => `up to ${seconds(run.longest)}`,
  first: (run) => `first token after up to ${seconds(run.longest_first)}`,
  calls: (run) => `${count(run.calls)} ${run.calls === 1 ? "call" : "calls"}`,
};

// `behind` has by, from and to (milliseconds), longer and shorter (seconds, optional).
export async function showRunsBehind(root, title, behind) {
  const body = el("div", { class: "quick-list", "data-qd": "behind" }, el("div", { class: "empty" }, el("p", {}, "Reading …")));
  const dialog = openDialog(root, title, body);
  const empty = (words) => body.replaceChildren(el("div", { class: "empty" }, el("p", {}, words)));
  try {
    const response = await fetch(`/deck/behind.json?${new URLSearchParams({ ...behind, ...state.filter })}`);
    const found = await response.json();
    if (!response.ok) throw new Error(found.error);
    if (!found.runs.length) { empty("No run is behind this point any more."); return; }
    const open = (run) => { dialog.close(); select(run.id, run.span); };
    body.replaceChildren(...found.runs.map((run) => {
      const known = state.runs.get(run.id);
      return el("button", { type: "button", class: "choice one behind", "data-behind": run.id, onclick: () => open(run) },
        known ? el("span", { class: "status", "data-status": known.status }, icon(known.status, 12), el("b", {}, known.status)) : el("span", { class: "status" }, icon("run", 12)),
        el("span", { class: "name" }, run.pipeline || run.id), el("span", { class: "note" }, `${FIGURES[behind.by](run)}${behind.by === "calls" ? "" : ` · ${count(run.calls)} ${run.calls === 1 ? "call" : "calls"}`}`));
    }));
    body.querySelector("button").focus();
  } catch (error) {
    empty(`The runs cannot be read: ${error.message}`);
  }
}

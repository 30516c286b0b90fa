// What stands around the text: the outline of its steps, the problems, and where the cursor is.
import { EditorView } from "@codemirror/view";
import { attr, el, text } from "./dom.js";
import { outline, scan } from "./scan.js";

const SIGNS = { error: "✕", warning: "▲" };

function jump(view, line, column = 1) {
  const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  const anchor = Math.min(at.from + column - 1, at.to);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
}

export function side() {
  const steps = el("ol", {});
  const nav = el("nav", { class: "ed-outline", "aria-label": "Steps of the pipeline" }, el("h2", {}, "Steps"), steps);
  const problems = el("ul", { class: "ed-problems", "aria-label": "Problems" });
  const state = el("span", { class: "ed-state", role: "status" });
  const place = el("span", {});
  const foot = el("div", { class: "ed-foot" }, state, place, el("span", { class: "ed-keys" }, "Ctrl+S saves · Ctrl+F searches · Ctrl+Space completes · Esc, then Tab leaves"));
  let shown = "";
  let found = [];

  function drawOutline(view) {
    found = outline(scan(view.state.doc).entries);
    const now = JSON.stringify(found);
    if (now === shown) return;
    shown = now;
    steps.replaceChildren(...found.map((step) => el("li", {}, el("button", { type: "button", style: `--depth: ${step.depth}`, "data-line": step.line, onclick: () => jump(view, step.line) }, el("b", {}, step.name || "(no name)"), el("span", {}, step.type)))));
    nav.hidden = !found.length;
  }

  function drawPlace(view) {
    const head = view.state.selection.main.head;
    const line = view.state.doc.lineAt(head);
    text(place, `Line ${line.number}, column ${head - line.from + 1}`);
    const current = found.findLastIndex((step) => step.line <= line.number);
    [...steps.children].forEach((item, index) => attr(item.firstChild, "aria-current", index === current ? "true" : null));
  }

  function drawProblems(view, markers) {
    problems.hidden = !markers.length;
    problems.replaceChildren(...markers.map((each) => el("li", { "data-severity": each.severity }, el("button", { type: "button", onclick: () => jump(view, each.line, each.column) }, el("b", {}, `${SIGNS[each.severity] ?? ""} ${each.severity}`), el("i", {}, `${each.line}:${each.column}`), el("span", {}, each.message)))));
  }

  return { nav, problems, foot, drawOutline, drawPlace, drawProblems, say: (words) => text(state, words) };
}

// The bar on top: what runs, what it costs, whether everything answers.
import { bell } from "./alert_bell.js";
import { attr, el, icon, text } from "./dom.js";
import { OPEN, count, money, percent } from "./format.js";
import { health } from "./health.js";
import { fits } from "./scope.js";
import { scopeBar } from "./scope_bar.js";
import { now, on, state } from "./store.js";

export const STAND_IN = "A local stand-in, not a real provider, answers the model calls of these runs";

function gauge(label, title, of = "") {
  const value = el("span", { class: "value" });
  const note = el("span", { class: "note" });
  return { root: el("div", { class: "gauge", title }, el("span", { class: "label" }, label, el("span", { class: "day" }, of)), el("span", { class: "reading" }, value, note)), value, note };
}

export function header(actions) {
  const gauges = {
    active: gauge("Active", "Runs that are running, waiting or paused"),
    tokens: gauge("Tokens", "Input and output tokens of the model calls of today (UTC); those of calls in flight are estimated from their text", " today"),
    cost: gauge("Cost", "USD of the model calls of today (UTC); in flight: of runs that are still open", " today"),
    errors: gauge("Errors", "Share of failed model calls in the charts below"),
  };
  const system = health();
  const alarm = bell({ known: () => state.alerts, on: (callback) => on("alerts", callback) });
  const scope = scopeBar();
  const standIn = el("span", { class: "badge stand-in", hidden: true, title: STAND_IN }, "stand-in answers");
  const start = el("button", { class: "primary", type: "button", "data-qd": "start-run", "aria-label": "Start a run", onclick: actions.start }, icon("play", 11), el("span", {}, "Start run"));
  const bar = el(
    "header",
    { class: "bar" },
    el("a", { class: "brand", href: "/", "aria-label": "Quarterdeck, clear selection", onclick: (event) => { event.preventDefault(); actions.clear(); } }, icon("helm", 20), el("span", {}, "Quarterdeck")),
    el("div", { class: "gauges" }, ...Object.values(gauges).map((g) => g.root)),
    el("div", { class: "right" }, standIn, system.root, alarm.root, el("a", { class: "logs-link", href: "/?view=logs", title: "Log records of everything, or of the run you have chosen (Ctrl+L)", onclick: (event) => { event.preventDefault(); actions.logs(); } }, icon("step", 12), el("span", {}, "Logs")), start),
  );
  function readings() {
    const at = now();
    const runs = [...state.runs.values()].filter((run) => fits({ ...state, range: {} }, run, at)); // whatever the range: open ones are of now
    const open = runs.filter((run) => OPEN.has(run.status));
    text(gauges.active.value, String(open.length));
    const paused = open.filter((run) => run.status === "paused").length;
    text(gauges.active.note, paused ? `${paused} paused` : "");
    const points = state.performance?.models ?? [];
    const flying = runs.reduce((sum, run) => sum + run.flight, 0);
    text(gauges.tokens.value, state.today ? count(state.today.tokens + flying) : "–");
    text(gauges.tokens.note, flying ? `~${count(flying)} in flight` : "");
    text(gauges.cost.value, state.today ? money(state.today.cost) : "–");
    const flight = open.reduce((sum, run) => sum + (run.cost ?? 0), 0);
    text(gauges.cost.note, flight ? `${money(flight)} in flight` : state.today?.unpriced ? `${count(state.today.unpriced)} calls unpriced` : "");
    const calls = points.reduce((sum, p) => sum + p.calls, 0);
    const errors = points.reduce((sum, p) => sum + p.errors, 0);
    text(gauges.errors.value, calls ? percent(errors / calls) : "–");
    text(gauges.errors.note, errors ? `${errors} of ${count(calls)}` : "");
    attr(gauges.errors.root, "data-level", calls && errors / calls > 0.05 ? "bad" : null);
    standIn.hidden = !(open.some((run) => run.stand_in) || runs[0]?.stand_in);
  }

  const offs = ["runs", "today", "performance", "scope"].map((topic) => on(topic, readings));
  const timer = setInterval(readings, 1000);
  readings();
  return { root: el("div", { class: "top" }, bar, scope.root, system.banners, alarm.notices), stop: () => { clearInterval(timer); system.stop(); scope.stop(); alarm.stop(); offs.forEach((off) => off()); } };
}

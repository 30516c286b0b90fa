// The bar on top: what runs, what it costs, whether everything answers.
import { attr, el, icon, keyed, text } from "./dom.js";
import { OPEN, ago, clock, count, money, percent } from "./format.js";
import { now, on, state } from "./store.js";

const SERVICES = { clickhouse: "ClickHouse", collector: "Collector", runner: "Runner" };
const LOSS = {
  clickhouse: "The screen shows what was known before and goes on by itself.",
  collector: "New telemetry waits in the SDKs until it answers.",
  runner: "Runs cannot be started, paused or cancelled until it answers.",
};

function gauge(label, title) {
  const value = el("span", { class: "value" });
  const note = el("span", { class: "note" });
  return { root: el("div", { class: "gauge", title }, el("span", { class: "label" }, label), el("span", { class: "reading" }, value, note)), value, note };
}

export function header(actions) {
  const gauges = {
    active: gauge("Active", "Runs that are running, waiting or paused"),
    tokens: gauge("Tokens today", "Input and output tokens of the runs that started today (UTC)"),
    cost: gauge("Cost today", "USD of the runs that started today (UTC); in flight: of runs that are still open"),
    errors: gauge("Errors", "Share of failed model calls within the last 15 minutes"),
  };
  const health = el("div", { class: "health", role: "group", "aria-label": "Services" });
  const fresh = el("span", { class: "fresh", role: "status" });
  const standIn = el("span", { class: "badge stand-in", hidden: true, title: "A local stand-in, not a real provider, answers the model calls of these runs" }, "stand-in answers");
  const start = el("button", { class: "primary", type: "button", "data-qd": "start-run", "aria-label": "Start a run", onclick: actions.start }, icon("play", 11), el("span", {}, "Start run"));
  const bar = el(
    "header",
    { class: "bar" },
    el("a", { class: "brand", href: "/", "aria-label": "Quarterdeck, clear selection", onclick: (event) => { event.preventDefault(); actions.clear(); } }, icon("helm", 20), el("span", {}, "Quarterdeck")),
    el("div", { class: "gauges" }, ...Object.values(gauges).map((g) => g.root)),
    el("div", { class: "right" }, standIn, health, fresh, el("a", { class: "logs-link", href: "/?view=logs", title: "Log records of everything, or of the run you have chosen (Ctrl+L)", onclick: (event) => { event.preventDefault(); actions.logs(); } }, icon("step", 12), el("span", {}, "Logs")), start),
  );
  const banners = el("div", { class: "banners", role: "alert" });
  const hushed = new Map();
  let explained = "";

  function readings() {
    const runs = [...state.runs.values()];
    const open = runs.filter((run) => OPEN.has(run.status));
    text(gauges.active.value, String(open.length));
    const paused = open.filter((run) => run.status === "paused").length;
    text(gauges.active.note, paused ? `${paused} paused` : "");
    const points = state.performance?.models ?? [];
    const since = now() / 1000 - 60;
    const perMinute = points.filter((p) => p.at >= since).reduce((sum, p) => sum + p.tokens, 0);
    text(gauges.tokens.value, state.today ? count(state.today.tokens) : "–");
    text(gauges.tokens.note, perMinute ? `${count(perMinute)}/min` : "");
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

  function chips() {
    keyed(
      health,
      Object.keys(SERVICES),
      (name) => name,
      (name) => el("button", { class: "chip", type: "button", "data-service": name, onclick: () => { explained = explained === name ? "" : name; hushed.delete(name); chips(); } }, el("i", { class: "dot" }), el("span", {}, SERVICES[name])),
      (node, name) => {
        const known = state.health[name];
        const word = known?.ok ? "answers" : known?.ok === false ? known.reason : "not asked yet";
        attr(node, "data-state", known?.ok ? "ok" : known?.ok === false ? "bad" : "unknown");
        attr(node, "title", `${SERVICES[name]}: ${word}`);
        attr(node, "aria-label", `${SERVICES[name]}: ${word}`);
      },
    );
    const lines = [];
    if (state.connected === false) lines.push({ key: "socket", level: "bad", title: "The connection to the dashboard is lost.", more: "It comes back by itself; until then the screen stands still." });
    else
      for (const name of Object.keys(SERVICES)) {
        const known = state.health[name];
        if (known?.ok) {
          hushed.delete(name);
          if (explained === name) lines.push({ key: name, level: "info", title: `${SERVICES[name]} answers.`, more: known.since ? `Since ${clock(known.since * 1000)}.` : "" });
        } else if (known?.ok === false && hushed.get(name) !== known.reason) lines.push({ key: name, level: name === "clickhouse" ? "bad" : "warn", title: `${SERVICES[name]}: ${known.reason}.`, more: LOSS[name] + (name === "clickhouse" && state.asOf ? ` Data as of ${clock(state.asOf)}.` : "") });
      }
    keyed(
      banners,
      lines,
      (line) => line.key,
      (line) => el("div", { class: "banner", "data-banner": line.key }, icon("warn"), el("strong"), el("span"), el("button", { type: "button", class: "act", "aria-label": "Hide this message", onclick: () => { hushed.set(line.key, state.health[line.key]?.reason); explained = ""; chips(); } }, icon("close", 12))),
      (node, line) => {
        attr(node, "data-level", line.level);
        text(node.children[1], line.title);
        text(node.children[2], line.more);
        node.lastChild.hidden = line.level === "bad";
      },
    );
  }

  function age() {
    const old = state.asOf ? now() - state.asOf : null;
    const level = state.connected === false || (old !== null && old > 15_000) ? "bad" : old === null || old > 4000 ? "warn" : "ok";
    attr(fresh, "data-state", level);
    text(fresh, state.connected === false ? "offline" : old === null ? "connecting" : old > 4000 ? `data ${ago(old)}` : "live");
  }

  const offs = [
    ...["runs", "today", "performance"].map((topic) => on(topic, readings)),
    ...["health", "connection"].map((topic) => on(topic, chips)),
    on("clock", age),
    on("connection", age),
  ];
  const timer = setInterval(() => { age(); readings(); }, 1000);
  readings();
  chips();
  age();
  return { root: el("div", { class: "top" }, bar, banners), stop: () => { clearInterval(timer); offs.forEach((off) => off()); } };
}

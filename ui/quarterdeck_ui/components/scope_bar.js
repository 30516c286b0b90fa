// The controls of the scope: range of time, live or paused, environment, service; and how old the data is.
import { attr, el, icon, text } from "./dom.js";
import { ago, clock, moment } from "./format.js";
import { RANGES, rangeOf } from "./scope.js";
import { now, on, rescope, state } from "./store.js";

const STALE_MS = 4000;
const OLD_MS = 15_000;

export function scopeBar() {
  const range = el("select", { "aria-label": "Time range", title: "Time range of the runs and the charts", "data-scope": "range", onchange: () => rescope({ range: range.value === "custom" ? state.range : rangeOf(range.value) }) });
  const place = (name, field, all) => {
    const select = el("select", { "aria-label": name, title: name, "data-scope": field, onchange: () => rescope({ filter: { ...state.filter, [field]: select.value } }) });
    return { select, field, all, told: "" };
  };
  const places = [place("Environment", "environment", "All environments"), place("Service", "service", "All services")];
  const live = el("button", { type: "button", class: "live", "data-scope": "live", onclick: () => rescope({ paused: !state.paused }) }, el("i", { class: "dot" }), el("span"));
  const fresh = el("span", { class: "fresh", role: "status" });
  const clear = el("button", { type: "button", class: "tiny", "data-scope": "clear", title: "Show everything again", onclick: () => rescope({ range: rangeOf(""), filter: { environment: "", service: "" } }) }, icon("close", 10), "Clear");
  const root = el("div", { class: "scope", role: "group", "aria-label": "What is shown" }, live, el("label", {}, icon("range", 12), range), ...places.map((each) => el("label", {}, each.select)), clear, el("span", { class: "space" }), fresh);

  function options(select, entries, value) {
    const signature = JSON.stringify(entries);
    if (select.__told !== signature) {
      select.__told = signature;
      select.replaceChildren(...entries.map(([name, label]) => el("option", { value: name }, label)));
    }
    if (select.value !== value) select.value = value;
  }

  function draw() {
    const { name, from, to } = state.range;
    const custom = name === "custom" ? [["custom", `${from === null ? "…" : moment(from, now())} – ${to === null ? "now" : moment(to, now())}`]] : [];
    options(range, [["", "Latest"], ...Object.entries(RANGES).map(([key, [, label]]) => [key, label]), ...custom], name);
    for (const { select, field, all } of places) {
      const other = field === "environment" ? "service" : "environment";
      const at = field === "environment" ? 0 : 1;
      const names = new Set(state.places.filter((pair) => !state.filter[other] || pair[1 - at] === state.filter[other]).map((pair) => pair[at]).filter(Boolean));
      for (const run of state.runs.values()) if (run[field] && (!state.filter[other] || run[other] === state.filter[other])) names.add(run[field]);
      if (state.filter[field]) names.add(state.filter[field]);
      select.parentNode.hidden = !names.size;
      options(select, [["", all], ...[...names].sort().map((each) => [each, each])], state.filter[field]);
      attr(select, "data-narrow", state.filter[field] !== "");
    }
    attr(range, "data-narrow", name !== "");
    clear.hidden = !name && !state.filter.environment && !state.filter.service;
    attr(live, "aria-pressed", String(state.paused));
    attr(live, "aria-label", state.paused ? "Paused: go on live" : "Live: pause the screen");
    attr(live, "title", state.paused ? "The screen stands still; runs go on. Press to go on live" : "Live. Press to stop the screen, so that you can look at it in peace; runs go on");
    age();
  }

  function age() {
    const old = state.asOf ? Date.now() + state.offset - state.asOf : null;
    const level = state.connected === false || (old !== null && old > OLD_MS) ? "bad" : old === null || old > STALE_MS ? "warn" : "ok";
    attr(fresh, "data-state", level);
    attr(live, "data-state", state.paused ? "paused" : level);
    text(live.lastChild, state.paused ? "Paused" : "Live");
    const said = state.connected === false ? "offline" : old === null ? "connecting" : old > STALE_MS ? `data ${ago(old)}` : `as of ${clock(state.asOf)}`;
    text(fresh, state.paused ? `${said}; shown: ${clock(now())}` : said);
  }

  const offs = [...["scope", "places", "runs"].map((topic) => on(topic, draw)), ...["clock", "connection"].map((topic) => on(topic, age))];
  const timer = setInterval(age, 1000);
  draw();
  return { root, stop: () => { clearInterval(timer); offs.forEach((off) => off()); } };
}

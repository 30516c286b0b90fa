// The deck: a bar on top, four quadrants below, and the keys.
import { charts } from "./charts.js";
import { attr, el } from "./dom.js";
import { OPEN } from "./format.js";
import { header } from "./header.js";
import { inspector } from "./inspector.js";
import { runs } from "./runs.js";
import { close, followNewest, open, select, state } from "./store.js";
import { adopt } from "./style.js";
import { timeline } from "./timeline.js";

const QUADRANTS = { runs: ["Runs", runs], timeline: ["Timeline", timeline], inspector: ["Inspector", inspector], charts: ["Performance", charts] };
const mounted = new WeakMap();

function quadrant(name, title) {
  const tools = el("div", { class: "tools" });
  const body = el("div", { class: "body" });
  const fold = el("button", { type: "button", class: "fold", "aria-expanded": "true", "aria-label": `Fold ${title}`, onclick: () => {
    const shut = root.toggleAttribute("data-folded");
    attr(fold, "aria-expanded", String(!shut));
  } });
  const root = el("section", { class: `panel q-${name}`, "aria-label": title, "data-quadrant": name }, el("div", { class: "panelhead" }, fold, el("h2", {}, title), tools), body);
  return { root, tools, body };
}

function build(host) {
  const fire = (name, value) => host.component.setTriggerValue(name, { ...value, at: Date.now() });
  const actions = {
    start: () => fire("start", {}),
    steer: (run, action) => fire("steer", { run, action }),
    clear: followNewest,
    logs: () => window.location.assign(`/?view=logs${state.chosen ? `&run=${encodeURIComponent(state.chosen)}` : ""}`),
  };
  const panels = Object.fromEntries(Object.entries(QUADRANTS).map(([name, [title]]) => [name, quadrant(name, title)]));
  const tabs = el("nav", { class: "views", role: "tablist", "aria-label": "Views" });
  const show = (name) => {
    attr(root, "data-view", name);
    for (const tab of tabs.children) attr(tab, "aria-selected", String(tab.dataset.view === name));
  };
  for (const [name, [title]] of Object.entries(QUADRANTS)) tabs.append(el("button", { type: "button", role: "tab", "data-view": name, onclick: () => show(name) }, title));
  const top = header(actions);
  const root = el("div", { class: "deck" }, top.root, tabs, el("main", { class: "quadrants" }, ...Object.values(panels).map((p) => p.root)));
  const narrow = matchMedia("(max-width: 720px)");
  show(state.span ? "inspector" : state.chosen ? "timeline" : "runs");
  const parts = Object.fromEntries(Object.entries(QUADRANTS).map(([name, [, make]]) => [name, make(panels[name], actions)]));
  const keys = (event) => onKey(event, parts, actions);
  document.addEventListener("keydown", keys);
  panels.runs.body.addEventListener("click", (event) => { if (event.target.closest(".run") && !event.target.closest("button") && narrow.matches) show("timeline"); });
  panels.timeline.body.addEventListener("click", (event) => { if (event.target.closest(".barrow") && narrow.matches) show("inspector"); });
  return { root, stop: () => { document.removeEventListener("keydown", keys); top.stop(); Object.values(parts).forEach((part) => part.stop()); } };
}

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const pressable = (target) => target.closest?.("button, a, summary, [role=button], [role=tab]");

function onKey(event, parts, actions) {
  const target = event.composedPath()[0];
  if (document.querySelector("[role=dialog]") || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f" && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    parts.runs.focusFilter();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "l" && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    actions.logs();
  } else if (event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
  else if (event.key === "Escape") state.span ? select(state.chosen, "") : actions.clear();
  else if (event.key === " " && !pressable(target)) {
    const run = state.runs.get(state.chosen);
    const action = run && OPEN.has(run.status) && ["pause", "resume"].find((each) => run.actions.includes(each));
    if (!action) return;
    event.preventDefault();
    actions.steer(run.id, action);
  }
}

export default function (component) {
  const place = component.parentElement;
  let host = mounted.get(place);
  if (!host) {
    adopt(place.getRootNode());
    host = { component };
    mounted.set(place, host);
    open();
    host.built = build(host);
    place.append(host.built.root);
  }
  host.component = component;
  if (component.data?.select) select(component.data.select);
  return () => {
    host.built.stop();
    host.built.root.remove();
    mounted.delete(place);
    close();
  };
}

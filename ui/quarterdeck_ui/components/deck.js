// The deck: a bar on top, four quadrants below, and the keys.
import { charts } from "./charts.js";
import { deckMenus } from "./deck_menus.js";
import { dialogIsOpen, help } from "./dialogs.js";
import { attr, el, text } from "./dom.js";
import { OPEN } from "./format.js";
import { header } from "./header.js";
import { inspector } from "./inspector.js";
import { keep, kept } from "./keep.js";
import { closeMenu, saying } from "./menu.js";
import { quick } from "./quick.js";
import { pace } from "./pace.js";
import { pagesButton, rail } from "./rail.js";
import { runs } from "./runs.js";
import { close, followNewest, open, select, state } from "./store.js";
import { adopt } from "./style.js";
import { theme } from "./theme.js";
import { timeline } from "./timeline.js";

const QUADRANTS = { runs: ["Runs", runs], timeline: ["Timeline", timeline], inspector: ["Inspector", inspector], charts: ["Performance", charts] };
const KEYS = [
  [["Space"], "Pause or resume the selected run"],
  [["Esc"], "Step out: of the call, then of the run; follow the newest run"],
  [["Ctrl", "P"], "Go to a pipeline or run"],
  [["Ctrl", "F"], "Filter the list of runs, or search in the history"],
  [["Ctrl", "L"], "Logs, of the selected run if there is one"],
  [["F5"], "Load the page again: run, call, range, filters, view, folds and places stay"],
  [["↑", "↓"], "In a list: move and select"],
  [["←", "→"], "In a chart: read values; Enter shows the runs behind them"],
  [["Shift", "F10"], "Menu of what has the focus; a right-click does the same, with Shift the browser's own"],
  [["?"], "This help"],
];
const mounted = new WeakMap();

function quadrant(name, title) {
  const tools = el("div", { class: "tools" });
  const body = el("div", { class: "body" });
  const turn = (shut) => { root.toggleAttribute("data-folded", shut); attr(fold, "aria-expanded", String(!shut)); keep(`folded ${name}`, shut); };
  const fold = el("button", { type: "button", class: "fold", "aria-expanded": "true", "aria-label": `Fold ${title}`, onclick: () => turn(!root.hasAttribute("data-folded")) });
  const root = el("section", { class: `panel q-${name}`, "aria-label": title, "data-quadrant": name }, el("div", { class: "panelhead" }, fold, el("h2", {}, title), tools), body);
  if (kept(`folded ${name}`, false)) turn(true);
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
  const root = el("div", { class: "deck" }, rail("deck"), top.root, tabs, el("main", { class: "quadrants" }, ...Object.values(panels).map((p) => p.root)));
  top.root.querySelector(".bar").prepend(pagesButton(root, "deck"));
  const narrow = matchMedia("(max-width: 720px)");
  const before = kept("view", {});
  const same = before.run === state.chosen && before.span === state.span;
  show(same && before.name in QUADRANTS ? before.name : state.span ? "inspector" : state.chosen ? "timeline" : "runs");
  const parts = Object.fromEntries(Object.entries(QUADRANTS).map(([name, [, make]]) => [name, make(panels[name], actions)]));
  const filter = panels.runs.root.querySelector("[data-qd=filter]");
  const filterBy = (words) => { filter.value = words; filter.dispatchEvent(new Event("input")); };
  if (kept("filter", "")) filterBy(kept("filter", ""));
  const leaving = () => { keep("reading", state.reading && !state.chosen && state.shown ? { run: state.run, span: state.shown.id } : null); keep("filter", filter.value); keep("view", { name: root.dataset.view, run: state.chosen, span: state.span }); };
  window.addEventListener("pagehide", leaving);
  const say = saying(root);
  deckMenus(root, panels, say);
  const colours = theme(root);
  const unpaced = pace(root);
  top.root.querySelector(".scope").append(colours.button, el("button", { type: "button", class: "act help", "aria-label": "Keyboard help", title: "Keyboard help (?)", onclick: () => help(root, KEYS) }, "?"));
  Object.assign(actions, { help: () => help(root, KEYS), quick: () => quick(root, { onPipeline: filterBy }), busy: () => dialogIsOpen(root) });
  const keys = (event) => onKey(event, parts, actions);
  document.addEventListener("keydown", keys);
  panels.runs.body.addEventListener("click", (event) => { if (event.target.closest(".run") && !event.target.closest("button") && narrow.matches) show("timeline"); });
  panels.timeline.body.addEventListener("click", (event) => { if (event.target.closest(".barrow") && narrow.matches) show("inspector"); });
  const leave = el("form", { method: "post", action: "/logout", class: "who", hidden: true }, el("button", { type: "submit", title: "Log out" }));
  top.root.querySelector(".right").prepend(leave);
  const welcome = ({ person, leave: mayLeave } = {}) => {
    leave.firstChild.disabled = !mayLeave;
    attr(root, "data-role", person?.role ?? "viewer");
    leave.hidden = !person?.name;
    text(leave.firstChild, person?.name ?? "");
  };
  return { root, welcome, stop: () => { document.removeEventListener("keydown", keys); window.removeEventListener("pagehide", leaving); closeMenu(); colours.stop(); unpaced(); top.stop(); Object.values(parts).forEach((part) => part.stop()); } };
}

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const pressable = (target) => target.closest?.("button, a, summary, [role=button], [role=tab]");

function onKey(event, parts, actions) {
  const target = event.composedPath()[0];
  if (document.querySelector("[role=dialog]") || event.isComposing) return;
  const held = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const shortcut = held && { f: parts.runs.focusFilter, l: actions.logs, p: actions.quick }[event.key.toLowerCase()];
  if (shortcut) event.preventDefault(); // also below a dialog: the browser's print dialog would be a surprise
  if (actions.busy()) return;
  if (shortcut) shortcut();
  else if (event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
  else if (event.key === "?") actions.help();
  else if (event.key === "Escape") state.span ? select(state.chosen, "") : actions.clear();
  else if (event.key === " " && !pressable(target)) pauseOrResume(event, actions);
}

function pauseOrResume(event, actions) {
  const run = state.runs.get(state.chosen);
  const action = run && OPEN.has(run.status) && ["pause", "resume"].find((each) => run.actions.includes(each));
  if (!action) return;
  event.preventDefault();
  actions.steer(run.id, action);
}

// Who was reading in a run that was only followed stays there when the page is loaded again.
function readOn() {
  const read = performance.getEntriesByType("navigation")[0]?.type === "reload" ? kept("reading", null) : null;
  const url = new URL(window.location.href);
  if (!read || url.searchParams.has("run")) return;
  for (const [name, value] of Object.entries(read)) url.searchParams.set(name, value);
  window.history.replaceState(window.history.state, "", url);
}

export default function (component) {
  const place = component.parentElement;
  let host = mounted.get(place);
  if (!host) {
    adopt(place.getRootNode());
    host = { component };
    mounted.set(place, host);
    readOn();
    open();
    host.built = build(host);
    place.append(host.built.root);
  }
  host.component = component;
  host.built.welcome(component.data ?? undefined);
  if (component.data?.select) select(component.data.select);
  return () => {
    host.built.stop();
    host.built.root.remove();
    mounted.delete(place);
    close();
  };
}

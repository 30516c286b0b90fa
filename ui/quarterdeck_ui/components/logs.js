// The log viewer: a filter bar on top, a list that follows the newest record until the reader scrolls.
import { bell } from "./alert_bell.js";
import { watchAlerts } from "./alert_watch.js";
import { dialogIsOpen, help } from "./dialogs.js";
import { attr, copy, el, icon, text } from "./dom.js";
import { clock, count } from "./format.js";
import { asJson, code } from "./highlight.js";
import { logList } from "./log_list.js";
import { asQuery, LEVELS, logStore } from "./log_store.js";
import { closeMenu } from "./menu.js";
import { pace } from "./pace.js";
import { pagesButton, rail } from "./rail.js";
import { adopt } from "./style.js";
import { theme } from "./theme.js";

const TYPING_MS = 250;
const SAID = new Set(["quarterdeck.run.id", "quarterdeck.pipeline.name", "quarterdeck.step.name"]); // shown as run, pipeline, step
const KEYS = [
  [["Ctrl", "F"], "Search"],
  [["Esc"], "Leave a field; then clear the filter"],
  [["End"], "Follow the newest record"],
  [["Ctrl", "L"], "Back to the deck"],
  [["F5"], "Load the page again: the filter stays"],
  [["?"], "This help"],
];
const mounted = new WeakMap();

const FIELDS = /([\w.-]+)=("[^"]*"|'[^']*'|\S+)|("(?:[^"\\]|\\.)*")|(?<![\w-])(\d[\d.,]*(?:ms|s|%|k|M)?)(?![\w-])/g;

// A line with its fields coloured, and what was searched for marked.
function body(source, needle) {
  const out = document.createDocumentFragment();
  const put = (part, kind) => {
    const at = needle ? part.toLowerCase().indexOf(needle) : -1;
    if (at >= 0) {
      put(part.slice(0, at), kind);
      out.append(el("mark", {}, part.slice(at, at + needle.length)));
      put(part.slice(at + needle.length), kind);
    } else if (part) out.append(kind ? el("span", { class: `t-${kind}` }, part) : part);
  };
  let at = 0;
  for (const match of source.matchAll(FIELDS)) {
    put(source.slice(at, match.index));
    if (match[1]) { put(`${match[1]}=`, "key"); put(match[2], "str"); }
    else put(match[0], match[3] ? "str" : "num");
    at = match.index + match[0].length;
  }
  put(source.slice(at));
  return out;
}

function stamp(line) {
  const date = new Date(line.ms);
  const day = date.toDateString() === new Date().toDateString() ? "" : `${date.toLocaleDateString([], { month: "short", day: "2-digit" })} `;
  return `${day}${clock(line.ms)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function detail(line, filter) {
  const value = (source) => {
    const data = asJson(source);
    return data === null ? source : code(JSON.stringify(data, null, 2));
  };
  const facts = { time: new Date(line.ms).toISOString(), service: line.service, pipeline: line.pipeline, step: line.step, run: line.run, span: line.span, event: line.event };
  const more = Object.entries(line.attributes).filter(([name]) => !SAID.has(name)).sort(([a], [b]) => a.localeCompare(b));
  const rows = [...Object.entries(facts), ...more].filter(([, each]) => each);
  const copied = el("button", { type: "button", class: "tiny", onclick: () => copy(JSON.stringify({ ...facts, level: line.level, body: line.body, attributes: line.attributes }, null, 2), copied) }, icon("copy", 12), "Copy as JSON");
  const only = (name, label) => line[name] ? el("button", { type: "button", class: "tiny", onclick: () => filter({ [name]: line[name] }) }, `Only this ${label}`) : null;
  const query = new URLSearchParams({ run: line.run, ...(line.span ? { span: line.span } : {}) });
  return el(
    "div",
    { class: "log-detail" },
    el("pre", { class: "code" }, value(line.body)),
    el("div", { class: "log-acts" }, line.run ? el("a", { class: "tiny", href: `/?${query}` }, icon("call", 12), "Open in the deck") : null, only("run", "run"), only("step", "step"), only("pipeline", "pipeline"), copied),
    el("dl", { class: "log-facts" }, ...rows.map(([name, each]) => el("div", {}, el("dt", {}, name), el("dd", {}, value(each))))),
  );
}

function build() {
  let fresh = 0;
  let typed = 0;
  const store = logStore((what) => changed(what));
  const { state } = store;
  const needle = () => state.filter.text.toLowerCase();
  const list = logList({
    create: (line) => el(
      "div",
      { class: "log-row", "data-level": line.level },
      el(
        "button",
        { type: "button", class: "log-line", "aria-expanded": "false", onclick: () => list.toggle(line) },
        el("time", {}, stamp(line)),
        el("b", {}, line.level.toUpperCase()),
        el("span", { class: "log-place", title: [line.service, line.pipeline, line.step].filter(Boolean).join(" / ") }, [line.pipeline || line.service, line.step].filter(Boolean).join(" / ")),
        el("span", { class: "log-body" }, body(line.body || line.event, needle())),
      ),
    ),
    detail: (line) => detail(line, store.filter),
    top: () => store.older(),
    reading: (busy) => { following = !busy; if (!busy) fresh = 0; tell(); },
  });

  const levels = el("div", { class: "log-levels", role: "group", "aria-label": "Levels" }, ...LEVELS.map((name) => el("button", { type: "button", "data-level": name, onclick: () => {
    const now = new Set(state.filter.levels);
    now.delete(name) || now.add(name);
    store.filter({ levels: LEVELS.filter((each) => now.has(each)) });
  } }, name)));
  const field = (name, label) => {
    const input = el("input", { type: "search", class: "filter", placeholder: label, "aria-label": label, "data-field": name, spellcheck: "false", oninput: () => {
      clearTimeout(typed);
      typed = setTimeout(() => store.filter({ [name === "search" ? (regex.getAttribute("aria-pressed") === "true" ? "pattern" : "text") : name]: input.value.trim() }), TYPING_MS);
    } });
    return input;
  };
  const search = field("search", "Search");
  const regex = el("button", { type: "button", class: "log-regex", title: "Search with a regular expression (RE2)", "aria-label": "Regular expression", "aria-pressed": String(Boolean(state.filter.pattern)), onclick: () => {
    const on = regex.getAttribute("aria-pressed") !== "true";
    attr(regex, "aria-pressed", String(on));
    store.filter(on ? { text: "", pattern: search.value.trim() } : { text: search.value.trim(), pattern: "" });
  } }, ".*");
  const fields = { pipeline: field("pipeline", "Pipeline"), step: field("step", "Step"), run: field("run", "Run id") };
  const follow = el("button", { type: "button", class: "log-follow", "aria-pressed": "true", title: "Keep the newest record in sight", onclick: () => list.follow() }, icon("play", 10), el("span", {}, "Follow"));
  const saves = ["txt", "jsonl"].map((ending) => el("a", { class: "tiny", download: "", title: `Save the newest 100,000 records of this filter as .${ending}` }, `.${ending}`));
  const status = el("span", { class: "log-status", role: "status" });
  const jump = el("button", { type: "button", class: "jump", hidden: true, onclick: () => list.follow() });
  const banner = el("div", { class: "banner", "data-level": "warn", role: "alert", hidden: true }, icon("warn"), el("strong"), el("span"));
  const empty = el("div", { class: "log-empty", hidden: true });
  let following = true;

  function tell() {
    attr(follow, "aria-pressed", String(following));
    jump.hidden = following || !fresh;
    text(jump, `↓ ${count(fresh)} new`);
    text(status, state.loading ? "reading…" : `${count(state.lines.length)}${state.start ? "" : "+"} record${state.start && state.lines.length === 1 ? "" : "s"}${store.looking() ? ", looking further back…" : ""}`);
  }

  function changed({ fresh: anew = false, above = 0, added = 0 } = {}) {
    if (anew) { list.clear(); fresh = 0; following = true; }
    else if (!following) fresh += added;
    list.show(state.lines, above);
    for (const button of levels.children) attr(button, "aria-pressed", String(state.filter.levels.includes(button.dataset.level)));
    for (const [name, input] of Object.entries(fields)) if (input !== input.getRootNode().activeElement && input.value !== state.filter[name]) input.value = state.filter[name];
    const wanted = state.filter.pattern || state.filter.text;
    if (search !== search.getRootNode().activeElement && search.value !== wanted) search.value = wanted;
    for (const link of saves) attr(link, "href", `/deck/logs${link.textContent}?${asQuery(state.filter)}`);
    const trouble = state.connected === false ? ["The connection to the dashboard is lost.", "It comes back by itself."] : state.problem ? [state.problem, "The list goes on when it answers."] : state.gap ? ["Records came faster than they can be shown; some were left out.", "A narrower filter shows all."] : null;
    banner.hidden = !trouble;
    if (trouble) { text(banner.children[1], trouble[0]); text(banner.children[2], trouble[1]); }
    empty.hidden = state.loading || state.lines.length > 0;
    text(empty, asQuery(state.filter) ? "No record fits this filter yet. New ones appear here by themselves." : "No log records yet. Python's logging inside a pipeline that calls qd.init() arrives here by itself.");
    tell();
  }

  const root = el(
    "div",
    { class: "deck logs" },
    rail("logs"),
    el(
      "header",
      { class: "bar log-bar" },
      el("a", { class: "brand", href: "/", "aria-label": "Back to the deck", title: "Back to the deck (Ctrl+L)" }, icon("helm", 20), el("span", {}, "Quarterdeck")),
      el("h1", {}, "Logs"),
      levels,
      el("div", { class: "log-fields" }, fields.pipeline, fields.step, fields.run, el("div", { class: "log-search" }, search, regex)),
      el("div", { class: "right" }, status, follow, el("span", { class: "log-saves" }, "Save", ...saves)),
    ),
    banner,
    el("main", { class: "log-main" }, list.root, empty, jump),
  );

  root.querySelector(".bar").prepend(pagesButton(root, "logs"));
  const colours = theme(root);
  const unpaced = pace(root);
  const alarm = bell(watchAlerts());
  root.append(alarm.notices);
  root.querySelector(".right").append(alarm.root, colours.button, el("button", { type: "button", class: "act help", "aria-label": "Keyboard help", title: "Keyboard help (?)", onclick: () => help(root, KEYS) }, "?"));

  const keys = (event) => {
    if (dialogIsOpen(root)) return;
    const target = event.composedPath()[0];
    const held = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (held && key === "f" && !event.shiftKey) { event.preventDefault(); search.focus(); search.select(); }
    else if (held && key === "l" && !event.shiftKey) { event.preventDefault(); window.location.assign("/"); }
    else if (event.key === "Escape") {
      if (target.closest?.("input")) { target.blur(); list.root.focus(); }
      else if (asQuery(state.filter)) { attr(regex, "aria-pressed", "false"); store.filter({ levels: [], pipeline: "", run: "", step: "", text: "", pattern: "" }); }
    } else if (event.key === "?" && !target.closest?.("input")) help(root, KEYS);
    else if (event.key === "End" && !target.closest?.("input")) list.follow();
  };
  document.addEventListener("keydown", keys);
  return { root, start: () => changed({}), stop: () => { document.removeEventListener("keydown", keys); closeMenu(); colours.stop(); unpaced(); alarm.stop(); list.stop(); store.stop(); } };
}

export default function (component) {
  const place = component.parentElement;
  let host = mounted.get(place);
  if (!host) {
    adopt(place.getRootNode());
    host = build();
    mounted.set(place, host);
    place.append(host.root);
    host.start();
  }
  return () => {
    host.stop();
    host.root.remove();
    mounted.delete(place);
  };
}

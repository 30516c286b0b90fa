// The list of runs: open ones first, then the newest, then as old as there are; or the runs that a search finds.
import { attr, el, icon, text } from "./dom.js";
import { OPEN, moment } from "./format.js";
import { historyBar } from "./history_bar.js";
import { historyStore, isBlank } from "./history_store.js";
import { keepScroll } from "./keep.js";
import { eachTick } from "./pace.js";
import { actionsOf, runRow, tick, updateRow } from "./run_row.js";
import { found, matches, readSort, rows, turned, writeSort } from "./runs_order.js";
import { LATEST } from "./scope.js";
import { now, on, rescope, select, state } from "./store.js";
import { virtualList } from "./virtual.js";

const HEADS = { status: ["c-status", "Status"], name: ["c-name", "Run"], progress: ["c-progress", "Progress"], time: ["c-time", "Elapsed"], tokens: ["c-tokens", "Tokens"], cost: ["c-cost", "Cost"] };
const HEADING = 25;
const END = 40;

export function runs(panel, actions) {
  const history = historyStore((fresh) => { if (fresh) list.scrollTop = 0; draw(); });
  const bar = historyBar(history);
  const filter = el("input", { type: "search", class: "filter", placeholder: "Filter runs", "aria-label": "Filter runs", title: "Filter runs (Ctrl+F)", "data-qd": "filter", spellcheck: "false", autocomplete: "off" });
  const filterbox = el("label", { class: "searchbox" }, icon("search", 12), filter);
  const tally = el("span", { class: "tally" });
  const mode = el("button", { type: "button", class: "tiny mode", "data-qd": "history", "aria-label": "History", title: "Search runs of any age by text, status, pipeline, model, cost, duration and date", onclick: () => toHistory(!history.state.on) }, icon("history", 12), el("span", {}, "History"));
  panel.tools.append(tally, filterbox, mode);
  const columns = Object.entries(HEADS).map(([name, [kind, word]]) => el("span", { class: kind, role: "columnheader" }, el("button", { type: "button", class: "sort", "data-sort": name, title: `Sort by ${word.toLowerCase()}`, onclick: () => order(turned(sort, name)) }, word)));
  const head = el("div", { class: "run head", role: "row", "aria-rowindex": "1" }, ...columns, el("span", { class: "c-act", role: "columnheader" }, el("span", { class: "unseen" }, "Actions")));
  const list = el("div", { class: "rows", role: "rowgroup", "data-qd": "runs" });
  const grid = el("div", { class: "grid", role: "grid", "aria-label": "Runs" }, head, list);
  const empty = el("div", { class: "empty", hidden: true });
  panel.body.append(bar.root, grid, empty);

  const tall = matchMedia("(max-width: 720px)");
  const heights = { run: () => (tall.matches ? 54 : 46), heading: () => HEADING, end: () => END };
  let sort = readSort(new URLSearchParams(window.location.search).get("sort"));
  let reached = "";
  let shown = [];
  const view = virtualList(list, {
    key: (item) => item.name,
    height: (item) => heights[item.kind](),
    create: (item) => (item.kind === "run" ? runRow() : el("div", { class: item.kind === "end" ? "list-end" : "list-heading", role: "row" }, el("span", { role: "gridcell" }))),
    update(node, item, index) {
      if (item.kind === "run") updateRow(node, item.run, index, actions.steer);
      else if (item.kind === "heading") text(node.firstChild, `${item.title} ${item.count}`);
      else end(node.firstChild);
    },
    drawn: (atEnd) => { reachable(); if (atEnd && shown.length && !filter.value) queueMicrotask(older); },
  });

  const place = keepScroll("runs", list, () => String(history.state.on));

  const narrowed = () => Boolean(state.range.name || state.filter.environment || state.filter.service);

  // With the keyboard the list is entered at the run on screen, or at the first where that is not in it.
  function reachable() {
    const drawn = [...list.querySelectorAll(".run")];
    if (drawn.length && !drawn.some((node) => node.tabIndex === 0)) drawn[0].tabIndex = 0;
  }

  const older = () => { if (state.loaded && state.connected) history.more(); };

  function toHistory(yes, words) {
    if (words !== undefined) { history.state.search.text = words; bar.fill(); filter.value = ""; }
    history.turn(yes);
    if (yes) bar.focus();
  }

  function order(next) {
    sort = next;
    const url = new URL(window.location.href);
    sort ? url.searchParams.set("sort", writeSort(sort)) : url.searchParams.delete("sort");
    window.history.replaceState(window.history.state, "", url);
    draw();
  }

  // Runs on screen: what the server keeps fresh wins over what was found in the history.
  function members() {
    const stored = [...history.state.runs.values()].map((run) => state.runs.get(run.id) ?? run);
    const listed = state.listed.map((id) => state.runs.get(id));
    if (!history.state.on) return [...listed, ...stored.filter((run) => !state.runs.has(run.id))];
    const open = listed.filter((run) => OPEN.has(run.status) && !history.state.runs.has(run.id) && found(run, history.state.search, now()));
    return [...open, ...stored];
  }

  function end(node) {
    const { on: searching, loading, end: over, backTo, problem, runs: known } = history.state;
    const words = filter.value.trim();
    const kind = problem ? "problem" : loading ? `loading ${backTo} ${known.size}` : words && !searching ? `words ${words}` : over ? "over" : "more";
    if (node.dataset.kind === kind) return;
    node.dataset.kind = kind;
    const back = backTo ? ` back to ${moment(backTo, now())}` : "";
    if (problem) node.replaceChildren(`Older runs cannot be read: ${problem}. `, el("button", { type: "button", class: "link", onclick: () => history.again() }, "Try again"));
    else if (loading) node.replaceChildren(searching ? `Searching${back}, ${known.size} found so far …` : `Reading older runs${back} …`);
    else if (words && !searching) node.replaceChildren(el("button", { type: "button", class: "link", "data-qd": "search-history", onclick: () => toHistory(true, words) }, `Search all runs for “${words}”`));
    else node.replaceChildren(over ? "No older runs" : "");
  }

  function draw() {
    const words = history.state.on ? [] : filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = members();
    const fitting = all.filter((run) => matches(run, words));
    shown = rows(fitting, { sort, now: now(), headings: !history.state.on });
    text(tally, all.length ? (words.length ? `${fitting.length} of ${all.length}` : `${all.length}${history.state.on && !history.state.end ? "+" : ""}`) : "");
    panel.body.classList.toggle("noact", !fitting.some((run) => actionsOf(run).length));
    bar.show(history.state.on);
    filterbox.hidden = history.state.on;
    attr(mode, "aria-pressed", String(history.state.on));
    for (const column of columns) attr(column, "aria-sort", sort?.column === column.firstChild.dataset.sort ? (sort.down ? "descending" : "ascending") : null);
    attr(grid, "aria-rowcount", shown.length + 1);
    grid.hidden = !shown.length;
    empty.hidden = Boolean(shown.length);
    view.show(shown);
    if (!shown.length) {
      if (history.state.on || narrowed()) queueMicrotask(older);
      blank(empty, emptiness(words), { ...actions, toHistory, words: filter.value.trim(), history });
    }
    const at = state.run !== reached ? view.index(state.run) : -1;
    if (at >= 0) {
      reached = state.run;
      view.reveal(at);
    }
    place.back();
  }

  function emptiness(words) {
    const { on: searching, loading, problem, end: over, backTo } = history.state;
    if (problem) return `problem ${problem}`;
    if (searching) return !over ? `searching ${backTo}` : !isBlank(history.state.search) ? "nothing" : narrowed() ? "scope" : "none";
    if (!state.loaded || loading) return "loading";
    if (words.length) return `filtered ${words.join(" ")}`;
    return narrowed() ? "scope" : "none";
  }

  list.addEventListener("keydown", (event) => {
    const row = event.target.closest(".run");
    if (!row || event.target !== row) return;
    const at = view.index(row.run.id);
    const seek = (from, step) => { for (let i = from; i >= 0 && i < shown.length; i += step) if (shown[i].kind === "run") return i; return -1; };
    const next = { ArrowDown: () => seek(at + 1, 1), ArrowUp: () => seek(at - 1, -1), Home: () => seek(0, 1), End: () => seek(shown.length - 1, -1), PageDown: () => seek(Math.min(shown.length - 1, at + 8), -1), PageUp: () => seek(Math.max(0, at - 8), 1) }[event.key]?.();
    if (next >= 0) {
      event.preventDefault();
      view.reveal(next).focus({ preventScroll: true });
      select(shown[next].run.id);
    } else if (event.key === "Enter") select(row.run.id);
  });
  filter.addEventListener("input", draw);
  filter.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); filter.value = ""; draw(); filter.blur(); } });
  bar.root.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); toHistory(false); mode.focus(); } });
  const offs = ["runs", "selection", "loaded", "scope"].map((topic) => on(topic, draw));
  const still = eachTick(() => { for (const node of view.nodes()) if (node.run && OPEN.has(node.run.status)) tick(node); });
  draw();
  return { focusFilter: () => { if (history.state.on) bar.focus(); else { filter.focus(); filter.select(); } }, stop: () => { still(); view.stop(); place.stop(); bar.stop(); history.stop(); offs.forEach((off) => off()); } };
}

const SAMPLE = "import quarterdeck as qd\n\nqd.init()\n\n@qd.pipeline\ndef hello(name): ...";

const lead = (words) => el("p", { class: "lead" }, words);
const link = (words, onclick) => el("button", { type: "button", class: "link", onclick }, words);

function blank(empty, kind, { start, toHistory, words, history }) {
  if (empty.dataset.kind === kind) return;
  empty.dataset.kind = kind;
  const { backTo, problem } = history.state;
  const contents = {
    loading: () => [lead("Reading runs …")],
    searching: () => [lead("Searching …"), el("p", {}, backTo ? `Nothing found yet, back to ${moment(backTo, now())}.` : "")],
    problem: () => [lead("The runs cannot be read."), el("p", {}, problem), link("Try again", () => history.again())],
    nothing: () => [lead("No run fits the search."), el("p", {}, "Words are looked for in id, pipeline, version, error, service, environment and models."), link("Clear the search", () => history.clear())],
    filtered: () => [lead("No run matches the filter."), el("p", {}, "It looks at name, status, step, model, version, error, service and id of the runs in this list."), link(`Search all runs for “${words}”`, () => toHistory(true, words))],
    scope: () => [lead("No run here."), el("p", {}, "The range of time, or the environment and service above, leave none."), link("Show the newest of all", () => rescope({ range: LATEST, filter: { environment: "", service: "" } }))],
    none: () => [icon("helm", 36), lead("No runs yet."), el("p", {}, "Watch the demo pipelines: ", el("code", {}, "quarterdeck demo")), el("p", {}, "Or your own, with two lines and a decorator:"), el("pre", {}, SAMPLE), el("p", {}, link("Start a pipeline of the runner", start))],
  };
  empty.replaceChildren(...contents[kind.split(" ")[0]]());
}

// Runs of any age, a page at a time: what was searched for (it lives in the URL), what was found, how far back.
import { bounds, scopeWish } from "./scope.js";
import { now, on, receive, say, state } from "./store.js";

export const STATUSES = ["completed", "failed", "cancelled", "lost", "running", "paused", "waiting"];
const TEXTS = { text: "q", pipeline: "pipeline", model: "model" };
const BOUNDS = { cost_from: "cost-from", cost_to: "cost-to", seconds_from: "took-from", seconds_to: "took-to" };
const EMPTY = { text: "", pipeline: "", model: "", statuses: [], cost_from: null, cost_to: null, seconds_from: null, seconds_to: null };

export const isBlank = (search) => Object.keys(EMPTY).every((name) => !String(search[name] ?? ""));

export function readSearch(query) {
  const search = { ...EMPTY, statuses: query.getAll("status").filter((name) => STATUSES.includes(name)) };
  for (const [field, name] of Object.entries(TEXTS)) search[field] = query.get(name) ?? "";
  for (const [field, name] of Object.entries(BOUNDS)) search[field] = query.get(name) && Number.isFinite(Number(query.get(name))) ? Number(query.get(name)) : null;
  return search;
}

export function writeSearch(query, on_, search) {
  on_ ? query.set("history", "1") : query.delete("history");
  query.delete("status");
  for (const [field, name] of Object.entries({ ...TEXTS, ...BOUNDS })) on_ && search[field] !== null && search[field] !== "" ? query.set(name, search[field]) : query.delete(name);
  if (on_) for (const status of search.statuses) query.append("status", status);
}

// told() is called after every change, with true when a new search begins.
export function historyStore(told) {
  const query = new URLSearchParams(window.location.search);
  const mine = { on: query.get("history") === "1", search: readSearch(query), runs: new Map(), next: null, loading: false, asked: false, end: false, backTo: null, problem: "" };
  let number = 0;

  function ask(first) {
    if (!state.connected) { mine.asked = false; return; }
    number += 1;
    Object.assign(mine, { loading: true, asked: true, problem: "" });
    const [from, to] = bounds(state.range, now());
    const wish = scopeWish(state);
    say({ type: "history", number, search: mine.on ? mine.search : {}, range: { from, to }, filter: wish.filter, before: mine.next, older: first && !mine.on });
    told(first && mine.on);
  }

  receive("history", (m) => {
    if (m.number !== number) return;
    for (const run of m.runs ?? []) mine.runs.set(run.id, run);
    if (m.runs) Object.assign(mine, { next: m.next, backTo: m.back_to });
    if (m.done) Object.assign(mine, { loading: false, problem: m.problem, end: !m.problem && mine.next === null });
    told();
  });

  function begin() {
    number += 1; // answers to what was asked before count no more
    mine.runs.clear();
    Object.assign(mine, { next: null, loading: false, asked: false, end: false, backTo: null, problem: "" });
    if (mine.on) ask(true);
    else told(true);
  }

  function write() {
    const url = new URL(window.location.href);
    writeSearch(url.searchParams, mine.on, mine.search);
    window.history.replaceState(window.history.state, "", url);
  }

  // A run that is pushed out of the newest stays, where older ones follow.
  function keep() {
    if (mine.asked && !mine.on) for (const run of state.dropped) if (run.ended !== null) mine.runs.set(run.id, run);
    state.dropped = [];
  }

  const offs = [on("scope", begin), on("runs", keep), on("connection", () => { if (state.connected && (mine.on || mine.loading)) begin(); })];
  return {
    state: mine,
    turn(to) { mine.on = to; write(); begin(); },
    search(change) { Object.assign(mine.search, change); write(); begin(); },
    clear() { mine.search = { ...EMPTY }; write(); begin(); },
    more() { if (!mine.loading && !mine.end && !mine.problem) ask(!mine.asked); },
    again() { mine.problem = ""; ask(!mine.next); },
    stop: () => { offs.forEach((off) => off()); receive("history", () => {}); },
  };
}

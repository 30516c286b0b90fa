// What this page knows: one WebSocket, one state, and the selection that lives in the URL.

import { OPEN } from "./format.js";
import { loginAgain } from "./login.js";
import { LATEST, fits, readScope, scopeWish, writeScope } from "./scope.js";

const LINGER_MS = 4000;
const listeners = new Map();

export const state = {
  connected: null,
  asOf: 0,
  offset: 0,
  loaded: false,
  today: null,
  performance: null,
  health: {},
  alerts: { firing: [], notices: [] },
  range: LATEST, // {name, from, to}: see bounds() in scope.js; topic "scope"
  filter: { environment: "", service: "" }, // topic "scope"
  paused: false, // the screen stands still; topic "scope"
  places: [], // [environment, service] of the last days
  offers: new Map(), // run -> what the runner would do with it though it is over
  runs: new Map(),
  order: [],
  dropped: [], // runs that the last message took away: older than the newest hundred
  listed: [], // the part of the order that range and filter leave
  chosen: "", // the run that the reader asked for; empty: follow the newest
  run: "", // the run on screen
  span: "",
  reading: false, // the reader is busy with what is on screen: following waits
  detail: null,
  shown: null,
  chunks: [],
};

let socket = null;
let delay = 500;
let users = 0;

let stopped = 0; // when the reader paused the screen

// The time on screen: it stands still while the screen is paused.
export const now = () => stopped || Date.now() + state.offset;

export function on(topic, callback) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(callback);
  return () => listeners.get(topic).delete(callback);
}

function tell(topic) {
  for (const callback of listeners.get(topic) ?? []) callback();
}

function readUrl() {
  const query = new URLSearchParams(window.location.search);
  return [query.get("run") ?? "", query.get("span") ?? ""];
}

// Limit the screen to a range of time, or to an environment and a service, or stop it: what is not named stays.
export function rescope(change) {
  const before = JSON.stringify({ ...scopeWish(state), paused: null });
  Object.assign(state, change);
  if (before !== JSON.stringify({ ...scopeWish(state), paused: null })) state.performance = null; // those of the new scope come
  stopped = state.paused ? stopped || Date.now() + state.offset : 0;
  const url = new URL(window.location.href);
  writeScope(url.searchParams, state);
  window.history.replaceState(window.history.state, "", url);
  relist();
  look();
  follow();
  tell("scope");
}

function relist() {
  const at = now();
  state.listed = state.order.filter((id) => fits(state, state.runs.get(id), at));
}

// Show a run because the reader asked for it; an empty id goes back to following the newest.
export function select(run, span = "", { keepUrl = false } = {}) {
  if (run === state.chosen && span === state.span) return;
  const turned = run !== state.chosen;
  state.chosen = run;
  if (!keepUrl) {
    const url = new URL(window.location.href);
    for (const [name, value] of [["run", run], ["span", span]]) value ? url.searchParams.set(name, value) : url.searchParams.delete(name);
    window.history[turned ? "pushState" : "replaceState"](window.history.state, "", url);
  }
  turn(run || freshest(), span);
}

// Go back to the newest run, from wherever the reader is.
export function followNewest() {
  state.reading = false;
  if (state.chosen || state.span) select("", "");
  else if (freshest() && freshest() !== state.run) turn(freshest(), "");
  for (const topic of ["selection", "span"]) tell(topic);
}

// Say whether the reader is busy with the text on screen: scrolled away, or marking some of it.
export function reading(busy) {
  if (busy === state.reading) return;
  state.reading = busy;
  look();
  follow();
  tell("selection");
}

// The span that has to stay: the one that was asked for, or the one that is being read.
const held = () => state.span || (state.reading ? (state.shown?.id ?? "") : "");

function turn(run, span) {
  const turned = run !== state.run;
  state.reading = false;
  if (turned) state.detail = null;
  if (turned || (span !== state.span && span !== state.shown?.id)) { state.shown = null; state.chunks = []; } // else the server has nothing to tell again
  Object.assign(state, { run, span });
  look();
  for (const topic of ["selection", "detail", "span"]) tell(topic);
}

// Open runs come first in the list, then the newest.
const freshest = () => state.listed[0] ?? "";

// The run to follow: the one on screen while it is open and for a moment after, then the newest open one.
function newest() {
  const shown = state.runs.get(state.run);
  if (shown && (OPEN.has(shown.status) || now() - shown.ended < LINGER_MS)) return shown.id;
  const first = state.runs.get(freshest());
  if (first && OPEN.has(first.status)) return first.id;
  return shown && state.listed.length && now() - shown.ended < now() - (first?.ended ?? 0) ? shown.id : (first?.id ?? "");
}

function follow() {
  if (state.chosen || state.reading || (state.paused && state.run)) return;
  const run = newest();
  if (run !== state.run) turn(run, "");
}

function look() {
  say({ type: "look", run: state.run, span: held(), ...scopeWish(state) });
}

export function say(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// Let another module take messages of a type.
export const receive = (type, callback) => { take[type] = callback; };

const take = {
  clock(m) {
    state.asOf = m.as_of * 1000;
    state.offset = m.now * 1000 - Date.now();
    follow();
    tell("clock");
  },
  deck(m) {
    for (const name of ["today", "performance", "health", "loaded", "places", "alerts"]) if (name in m) { state[name] = m[name]; tell(name); }
  },
  runs(m) {
    for (const run of m.changed) state.runs.set(run.id, run);
    if (m.order) {
      const wanted = new Set(m.order);
      state.dropped = [...state.runs.values()].filter((run) => !wanted.has(run.id));
      for (const run of state.dropped) state.runs.delete(run.id);
      state.order = m.order;
    }
    relist();
    follow();
    tell("runs");
  },
  offers(m) {
    for (const [id, actions] of Object.entries(m.offers)) state.offers.set(id, actions);
    tell("runs");
  },
  run(m) {
    if (m.id !== state.run) return;
    const nodes = m.reset || !state.detail ? new Map() : state.detail.nodes;
    for (const node of m.changed) nodes.set(node.id, node);
    for (const id of m.gone) nodes.delete(id);
    state.detail = { id: m.id, found: m.found, run: m.run, truncated: m.truncated, nodes };
    tell("detail");
  },
  span(m) {
    if (m.run !== state.run || (held() && m.id !== held())) return;
    if (state.shown?.id !== m.id) state.chunks = [];
    state.shown = m;
    tell("span");
  },
  text(m) {
    if (state.shown?.id !== m.id) return;
    state.chunks.splice(m.from, Infinity, ...m.chunks);
    tell("text");
  },
};

function connect() {
  const address = new URL("/deck/live", window.location.href);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.onopen = () => {
    delay = 500;
    state.connected = true;
    look();
    tell("connection");
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    take[message.type]?.(message);
  };
  socket.onclose = () => {
    if (state.connected !== false) { state.connected = false; tell("connection"); }
    else loginAgain();
    if (users > 0) setTimeout(() => users > 0 && connect(), (delay = Math.min(delay * 1.6, 5000)));
  };
}

const onPop = () => {
  rescope(readScope(new URLSearchParams(window.location.search)));
  select(...readUrl(), { keepUrl: true });
};

export function open() {
  users += 1;
  if (users > 1) return;
  Object.assign(state, readScope(new URLSearchParams(window.location.search)));
  if (state.paused) stopped = Date.now();
  [state.chosen, state.span] = readUrl();
  state.run = state.chosen;
  window.addEventListener("popstate", onPop);
  connect();
}

export function close() {
  users -= 1;
  if (users > 0) return;
  window.removeEventListener("popstate", onPop);
  socket?.close();
}

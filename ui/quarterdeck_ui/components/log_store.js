// What the log viewer knows: one WebSocket, the filter that lives in the URL, and the lines that fit it.
import { compare } from "./log_list.js";
import { loginAgain } from "./login.js";

const MOST = 100_000;
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
const TEXTS = ["pipeline", "run", "step", "text", "pattern"];

export function readFilter() {
  const query = new URLSearchParams(window.location.search);
  const filter = Object.fromEntries(TEXTS.map((name) => [name, query.get(name) ?? ""]));
  return { levels: query.getAll("level").filter((name) => LEVELS.includes(name)), ...filter };
}

// The filter as a query string, for the address and for downloads.
export function asQuery(filter) {
  const query = new URLSearchParams();
  for (const level of filter.levels) query.append("level", level);
  for (const name of TEXTS) if (filter[name]) query.set(name, filter[name]);
  return query.toString();
}

// Calls told() after every change: with what came above, or a problem.
export function logStore(told) {
  let socket = null;
  let delay = 500;
  let alive = true;
  let number = 0;
  let asking = false;
  const known = new Set();
  const state = { filter: readFilter(), lines: [], start: false, connected: null, loading: true, problem: "", gap: false };

  const name = (line) => line.key.join("/");
  const say = (message) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ ...state.filter, number, ...message })); };

  function ask() {
    number += 1;
    known.clear();
    asking = false;
    Object.assign(state, { lines: [], start: false, loading: true, problem: "", gap: false });
    say({ type: "filter" });
    told({ fresh: true });
  }

  // Mostly the new lines are the newest; one that is late finds its place.
  function add(lines) {
    const fresh = lines.filter((line) => !known.has(name(line)));
    for (const line of fresh) {
      known.add(name(line));
      let at = state.lines.length;
      while (at > 0 && compare(state.lines[at - 1], line) > 0) at -= 1;
      if (at === state.lines.length) state.lines.push(line);
      else state.lines.splice(at, 0, line);
    }
    return fresh.length;
  }

  const take = {
    page(m) {
      state.loading = false;
      asking = m.more ?? false; // what is older follows without being asked for
      Object.assign(state, { start: m.start ?? false, problem: m.problem });
      add(m.lines);
      told({ fresh: true });
    },
    tail(m) {
      state.problem = m.problem;
      state.gap ||= m.gap;
      const added = add(m.lines);
      const over = state.lines.length - MOST;
      if (over > 0) {
        for (const line of state.lines.splice(0, over)) known.delete(name(line));
        state.start = false;
      }
      told({ added, above: -Math.max(0, over) });
    },
    older(m) {
      asking = m.more ?? false;
      Object.assign(state, { start: m.problem ? state.start : (m.start ?? false), problem: m.problem });
      const before = m.lines.filter((line) => !known.has(name(line)));
      for (const line of before) known.add(name(line));
      state.lines = [...before, ...state.lines];
      told({ above: before.length });
    },
  };

  function connect() {
    const address = new URL("/deck/logs", window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.onopen = () => { delay = 500; state.connected = true; ask(); };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.number === number) take[message.type]?.(message);
    };
    socket.onclose = () => {
      if (!alive) return;
      if (state.connected === false) loginAgain();
      state.connected = false;
      told({});
      setTimeout(() => alive && connect(), (delay = Math.min(delay * 1.6, 5000)));
    };
  }
  connect();

  return {
    state,
    looking: () => asking,
    filter(change) {
      Object.assign(state.filter, change);
      const url = new URL(window.location.href);
      url.search = new URLSearchParams([["view", "logs"], ...new URLSearchParams(asQuery(state.filter))]);
      window.history.replaceState(window.history.state, "", url);
      ask();
    },
    older() {
      if (asking || state.start || !state.lines.length || state.lines.length >= MOST) return;
      asking = true;
      say({ type: "older", before: state.lines[0].key });
    },
    stop() {
      alive = false;
      socket?.close();
    },
  };
}

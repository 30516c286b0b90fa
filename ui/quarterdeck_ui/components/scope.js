// What the screen limits itself to: a range of time, an environment and a service. It lives in the URL:
// range=1h, or from= and to= (ISO 8601); env=, service=; paused=1.

export const RANGES = { "15m": [900, "Last 15 min"], "1h": [3600, "Last hour"], "6h": [21_600, "Last 6 h"], "24h": [86_400, "Last 24 h"], "7d": [604_800, "Last 7 days"], "30d": [2_592_000, "Last 30 days"] };

// No range: the newest runs of whatever age, and charts of the last quarter of an hour.
export const LATEST = { name: "", from: null, to: null };

export function rangeOf(name) {
  return name in RANGES ? { name, from: null, to: null } : LATEST;
}

export function between(from, to) {
  return { name: "custom", from, to };
}

// Begin and end in milliseconds; null where the range is open.
export function bounds(range, now) {
  return range.name in RANGES ? [now - RANGES[range.name][0] * 1000, null] : [range.from, range.to];
}

export function readScope(query) {
  const at = (name) => { const ms = Date.parse(query.get(name) ?? ""); return Number.isNaN(ms) ? null : ms; };
  const range = at("from") !== null || at("to") !== null ? between(at("from"), at("to")) : rangeOf(query.get("range"));
  return { range, filter: { environment: query.get("env") ?? "", service: query.get("service") ?? "" }, paused: query.get("paused") === "1" };
}

export function writeScope(query, { range, filter, paused }) {
  const iso = (ms) => (ms === null ? "" : new Date(ms).toISOString());
  const values = { range: range.name in RANGES ? range.name : "", from: iso(range.from), to: iso(range.to), env: filter.environment, service: filter.service, paused: paused ? "1" : "" };
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
}

// As the server wants to hear it.
export function scopeWish({ range, filter, paused }) {
  const span = range.name in RANGES ? { seconds: RANGES[range.name][0] } : { from: range.from, to: range.to };
  return { range: span, filter, paused };
}

// Whether a run is meant; its environment or service may not be known yet.
export function fits({ range, filter }, run, now) {
  const [from = null, to = null] = bounds(range, now);
  if (from !== null && (run.ended ?? now) < from) return false;
  if (to !== null && run.started > to) return false;
  return ["environment", "service"].every((name) => !filter[name] || run[name] === null || run[name] === filter[name]);
}

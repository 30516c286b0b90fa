// What the charts show, from what the server sends: series, readings, axes (pure).
import { count, money, percent, seconds } from "./format.js";

export const LINES = { p50: ["var(--series-1)", ""], p95: ["var(--series-3)", "5 3"], p99: ["var(--series-5)", "1.5 2.5"] };

export const CHARTS = [
  { key: "tokens", title: "Tokens", kind: "bars", size: "wide", unit: count, by: "tokens" },
  { key: "latency", title: "Response time", kind: "lines", size: "wide", unit: seconds, by: "latency" },
  { key: "distribution", title: "Distribution", kind: "histogram", unit: count, by: "latency" },
  { key: "first", title: "First token", kind: "lines", unit: seconds, by: "first" },
  { key: "cost", title: "Cost", kind: "bars", unit: money, by: "cost" },
  { key: "errors", title: "Errors", kind: "bars", unit: percent, least: 0.1, most: 1, by: "errors" },
  { key: "throughput", title: "Throughput", kind: "bars", unit: count, by: "calls" },
];

const MODELS = 6; // of their own colour; the others share one

// The models that are used most, by name with a colour each, and one colour for all others.
export function palette(points) {
  const used = new Map();
  for (const p of points) used.set(p.model, (used.get(p.model) ?? 0) + p.tokens_in + p.tokens_out + 1e-6 * p.calls);
  const models = [...used.keys()].sort((a, b) => used.get(b) - used.get(a));
  const own = (models.length <= MODELS + 1 ? models : models.slice(0, MODELS)).sort(); // by name: a colour stays while the use changes
  return { own: own.map((model, i) => ({ model, name: model || "unknown", colour: `var(--series-${i + 1})` })), rest: new Set(models.filter((model) => !own.includes(model))) };
}

function byModel(points, pick) {
  const { own, rest } = palette(points);
  const series = own.map(({ model, name, colour }) => ({ name, colour, points: points.filter((p) => p.model === model).map((p) => [p.at, pick(p)]) }));
  if (!rest.size) return series;
  const sums = new Map();
  for (const p of points) if (rest.has(p.model)) sums.set(p.at, (sums.get(p.at) ?? 0) + pick(p));
  return [...series, { name: `${rest.size} more`, colour: "var(--series-7)", points: [...sums].sort(([a], [b]) => a - b) }];
}

function byTime(points) {
  const buckets = new Map();
  for (const p of points) {
    const sum = buckets.get(p.at) ?? { calls: 0, errors: 0 };
    buckets.set(p.at, { calls: sum.calls + p.calls, errors: sum.errors + p.errors });
  }
  return [...buckets].sort(([a], [b]) => a - b);
}

const PER = [["minute", 60], ["hour", 3600], ["day", 86_400]];
export const rate = (bucket) => PER.find(([, length]) => length >= bucket) ?? PER[2];

export function charts(data) {
  const [unit, length] = rate(data.bucket);
  const per = length / data.bucket;
  const total = (pick) => data.models.reduce((sum, p) => sum + pick(p), 0);
  const line = (name, key) => ({ name, colour: LINES[name][0], dash: LINES[name][1], points: data.latency.filter((p) => p.took[key] !== null).map((p) => [p.at, p.took[key]]) });
  const [calls, errors, spent] = [total((p) => p.calls), total((p) => p.errors), total((p) => p.cost)];
  const all = byTime(data.models);
  const o = data.overall;
  const tokens = (p) => p.tokens_in + p.tokens_out;
  const minutes = Math.max(1, (Math.min(data.until, Date.now() / 1000) - Math.max(data.since, Math.min(...data.models.map((p) => p.at)))) / 60);
  return {
    tokens: { series: byModel(data.models, (p) => tokens(p) * per), headline: count(total(tokens)), note: `${count(total((p) => p.tokens_in))} in, ${count(total((p) => p.tokens_out))} out; bars: a ${unit}` },
    latency: { series: [line("p99", "p99"), line("p95", "p95"), line("p50", "p50")], headline: seconds(o.p50), note: `p95 ${seconds(o.p95)}, p99 ${seconds(o.p99)}` },
    distribution: { bins: data.histogram, headline: seconds(o.p50), note: "median" },
    first: { series: [line("p95", "first_p95"), line("p50", "first_p50")], headline: seconds(o.first_p50), note: `p95 ${seconds(o.first_p95)}` },
    cost: { series: byModel(data.models, (p) => p.cost * per), headline: money(spent), note: calls ? `${money(spent / calls)}/call` : "" },
    errors: { series: [{ name: "errors", colour: "var(--bad)", points: all.map(([at, b]) => [at, b.errors / b.calls]) }], headline: percent(calls ? errors / calls : 0), note: `${errors} of ${count(calls)}` },
    throughput: { series: [{ name: "calls", colour: "var(--series-6)", points: all.map(([at, b]) => [at, b.calls * per]) }], headline: perMinute(calls / minutes), note: "calls" },
  };
}

const perMinute = (n) => `${n >= 10 ? count(n) : n.toFixed(n < 1 ? 2 : 1)}/min`;

export function stacked(all) {
  const height = new Map();
  return all.map((s) => ({ ...s, points: s.points.map(([at, value]) => { const base = height.get(at) ?? 0; height.set(at, base + value); return [at, value, base]; }) }));
}

// Begin and end of the time axis, seconds: the range asked for, or from the first call of the last minutes.
export function domain(data, now, ranged) {
  const until = Math.floor(Math.min(data.until, now / 1000) / data.bucket) * data.bucket + data.bucket;
  if (ranged) return [Math.floor(data.since / data.bucket) * data.bucket, Math.max(until, data.since + data.bucket)];
  const first = Math.min(until, ...data.models.map((p) => p.at));
  return [Math.max(until - (data.until - data.since), Math.min(first - 2 * data.bucket, until - 180)), until];
}

export function nice(max) {
  if (!(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((m) => m * power).find((m) => m >= max * 1.02) ?? max;
}

// The rows that a chart shows, for a file.
export function table(chart, told) {
  if (chart.kind === "histogram") return [["seconds from", "seconds below", "calls"], ...told.bins];
  const times = [...new Set(told.series.flatMap((s) => s.points.map(([at]) => at)))].sort((a, b) => a - b);
  const values = told.series.map((s) => new Map(s.points.map(([at, value]) => [at, value])));
  return [["time", ...told.series.map((s) => s.name)], ...times.map((at) => [new Date(at * 1000).toISOString(), ...values.map((known) => known.get(at) ?? "")])];
}

const CELL = /[",\n]/;
export const csv = (rows) => rows.map((row) => row.map((each) => { const cell = String(each); const safe = /^[=+@\t\r]/.test(cell) ? `'${cell}` : cell; return CELL.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; }).join(",")).join("\n") + "\n";

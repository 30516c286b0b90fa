// The last quarter of an hour of model calls, as small charts.
import { attr, el, keyed, svg, text } from "./dom.js";
import { clock, count, money, percent, seconds } from "./format.js";
import { now, on, state } from "./store.js";

const COLOURS = ["#4c8dff", "#3ecf8e", "#b197fc", "#f5b84b", "#4dd0e1", "#ff8fa3", "#9aa5b5"];
const PAD = { left: 40, right: 8, top: 7, bottom: 17 };

const CHARTS = [
  { key: "tokens", title: "Tokens", kind: "bars", wide: true, unit: count },
  { key: "latency", title: "Latency", kind: "lines", unit: seconds },
  { key: "first", title: "Time to first token", kind: "lines", unit: seconds },
  { key: "cost", title: "Cost", kind: "bars", unit: money },
  { key: "errors", title: "Error rate", kind: "bars", unit: percent, least: 0.1 },
];

function nice(max) {
  if (!(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((m) => m * power).find((m) => m >= max * 1.02) ?? max;
}

const tick = (label) => label.replace(/(\.\d*?)0+(?=\D*$)/, "$1").replace(/\.(?=\D*$)/, "").replace(/ (ms|s|%)$/, "$1");

// Series by chart from the two query results; a series is {name, colour, points: [[time, value]]}.
function series(data) {
  const perMinute = 60 / data.bucket;
  const models = [...new Set(data.models.map((p) => p.model))].sort();
  const colour = (model) => COLOURS[models.indexOf(model) % COLOURS.length];
  const by = (pick) => models.map((model) => ({ name: model || "unknown", colour: colour(model), points: data.models.filter((p) => p.model === model).map((p) => [p.at, pick(p)]) }));
  const buckets = new Map();
  for (const p of data.models) {
    const sum = buckets.get(p.at) ?? { calls: 0, errors: 0 };
    buckets.set(p.at, { calls: sum.calls + p.calls, errors: sum.errors + p.errors });
  }
  const line = (name, tone, key) => ({ name, colour: tone, points: data.latency.filter((p) => p[key] !== null).map((p) => [p.at, p[key]]) });
  const calls = data.models.reduce((sum, p) => sum + p.calls, 0);
  const errors = data.models.reduce((sum, p) => sum + p.errors, 0);
  const total = (pick) => data.models.reduce((sum, p) => sum + pick(p), 0);
  return {
    tokens: { series: by((p) => p.tokens * perMinute), headline: count(total((p) => p.tokens)), note: `in ${count(calls)} calls; bars show tokens per minute` },
    latency: { series: [line("p95", "#f5b84b", "p95"), line("p50", "#4c8dff", "p50")], headline: seconds(data.overall.p50), note: "p50" },
    first: { series: [line("p95", "#f5b84b", "first_p95"), line("p50", "#3ecf8e", "first_p50")], headline: seconds(data.overall.first_p50), note: "p50" },
    cost: { series: by((p) => p.cost * perMinute), headline: money(total((p) => p.cost)), note: "bars: per min" },
    errors: { series: [{ name: "errors", colour: "#ff6b70", points: [...buckets].map(([at, b]) => [at, b.errors / b.calls]) }], headline: percent(calls ? errors / calls : 0), note: `${errors} of ${count(calls)} calls` },
  };
}

function domain(data) {
  const until = Math.floor(now() / 1000 / data.bucket) * data.bucket + data.bucket;
  const first = Math.min(until, ...data.models.map((p) => p.at));
  const from = Math.max(until - data.window, Math.min(first - 2 * data.bucket, until - 180));
  return [from, until];
}

function stacked(all) {
  const height = new Map();
  return all.map((s) => ({ ...s, points: s.points.map(([at, value]) => { const base = height.get(at) ?? 0; height.set(at, base + value); return [at, value, base]; }) }));
}

export function charts(panel) {
  panel.tools.append(el("span", { class: "tally" }, "last 15 minutes"));
  const grid = el("div", { class: "charts", "data-qd": "charts" });
  const empty = el("div", { class: "empty" });
  panel.body.append(grid, empty);
  let hover = null;

  function make(chart) {
    const node = el("figure", { class: chart.wide ? "chart wide" : "chart", "data-chart": chart.key },
      el("figcaption", {}, el("span", { class: "name" }, chart.title), el("b"), el("span", { class: "note" }), el("span", { class: "keys" })),
      el("div", { class: "plot" }));
    const plot = node.lastChild;
    plot.addEventListener("pointermove", (event) => { hover = { x: (event.clientX - plot.getBoundingClientRect().left), width: plot.clientWidth }; draw(); });
    plot.addEventListener("pointerleave", () => { hover = null; draw(); });
    return node;
  }

  function update(node, chart, data, [from, until]) {
    const { series: all, headline, note } = data[chart.key];
    const [, value, remark, keys] = node.firstChild.children;
    text(value, headline);
    text(remark, note);
    const shown = all.filter((s) => s.points.length);
    keyed(keys, shown.length > 1 ? shown : [], (s) => s.name, (s) => el("span", {}, el("i"), s.name), (key, s) => { key.firstChild.style.background = s.colour; });
    paint(node.lastChild, chart, chart.kind === "bars" ? stacked(shown) : shown, from, until);
    attr(node, "aria-label", `${chart.title}: ${headline} ${note}`);
  }

  function paint(plot, chart, all, from, until) {
    const width = plot.clientWidth, height = plot.clientHeight;
    if (width < 40 || height < 30) return;
    const pointed = hover ? from + ((hover.x / hover.width) * width - PAD.left) / (width - PAD.left - PAD.right) * (until - from) : null;
    const signature = JSON.stringify([width, height, from, until, all, pointed && Math.round(pointed / state.performance.bucket)]);
    if (plot.__drawn === signature) return;
    plot.__drawn = signature;
    const top = nice(Math.max(chart.least ?? 0, ...all.flatMap((s) => s.points.map(([, v, base = 0]) => v + base))));
    const x = (at) => PAD.left + ((at - from) / (until - from)) * (width - PAD.left - PAD.right);
    const y = (v) => PAD.top + (1 - v / top) * (height - PAD.top - PAD.bottom);
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-hidden": "true" });
    const lines = height > 110 ? [0, 0.5, 1] : [0, 1];
    for (const share of lines) {
      picture.append(svg("line", { x1: PAD.left, x2: width - PAD.right, y1: y(top * share), y2: y(top * share), class: "rule" }));
      const label = svg("text", { x: PAD.left - 6, y: y(top * share) + 3.5, class: "tick", "text-anchor": "end" });
      label.textContent = share === 0 ? "0" : tick(chart.unit(top * share));
      picture.append(label);
    }
    const marks = width > 340 ? 4 : until - from < 300 && width < 230 ? 1 : 2; // labels with seconds are wider
    for (let i = 0; i <= marks; i += 1) {
      const at = from + ((until - from) * i) / marks;
      const label = svg("text", { x: x(at), y: height - 4, class: "tick", "text-anchor": i === 0 ? "start" : i === marks ? "end" : "middle" });
      label.textContent = clock(at * 1000, until - from < 300);
      picture.append(label);
    }
    const bucket = state.performance.bucket;
    const bar = Math.max(2, x(from + bucket) - x(from) - 2);
    for (const s of all) {
      if (chart.kind === "bars") for (const [at, v, base] of s.points) { if (at >= from && v > 0) picture.append(svg("rect", { x: x(at) + 1, y: y(base + v), width: bar, height: Math.max(1, y(base) - y(base + v)), rx: 1.5, fill: s.colour, opacity: 0.85 })); }
      else draw_line(picture, s, x, y, bucket, from);
    }
    plot.replaceChildren(picture, ...tip(chart, all, pointed, bucket, x, width, picture, height));
  }

  function draw_line(picture, s, x, y, bucket, from) {
    let path = "", last = null;
    for (const [at, v] of s.points) {
      if (at < from) continue;
      path += `${last !== null && at - last <= bucket * 4 ? "L" : "M"}${x(at + bucket / 2).toFixed(1)} ${y(v).toFixed(1)}`;
      last = at;
      picture.append(svg("circle", { cx: x(at + bucket / 2), cy: y(v), r: s.points.length > 30 ? 1.4 : 2.4, fill: s.colour }));
    }
    picture.append(svg("path", { d: path, fill: "none", stroke: s.colour, "stroke-width": 1.6, "stroke-linejoin": "round" }));
  }

  function tip(chart, all, pointed, bucket, x, width, picture, height) {
    if (pointed === null) return [];
    const at = Math.floor(pointed / bucket) * bucket;
    const rows = all.map((s) => [s, s.points.find(([t]) => t === at)]).filter(([, p]) => p);
    if (!rows.length) return [];
    picture.append(svg("line", { x1: x(at + bucket / 2), x2: x(at + bucket / 2), y1: PAD.top, y2: height - PAD.bottom, class: "cross" }));
    const left = x(at + bucket / 2) > width / 2;
    return [el("div", { class: "tip", style: `${left ? `right:${width - x(at) + 8}px` : `left:${x(at + bucket) + 8}px`}` }, el("b", {}, clock(at * 1000)), ...rows.map(([s, p]) => el("span", {}, el("i", { style: `background:${s.colour}` }), `${s.name} `, el("em", {}, chart.unit(p[1])))))];
  }

  function draw() {
    const data = state.performance;
    const any = Boolean(data?.models.length);
    grid.hidden = !any;
    empty.hidden = any;
    if (!any) return blank();
    const all = series(data);
    const span = domain(data);
    keyed(grid, CHARTS, (chart) => chart.key, make, (node, chart) => update(node, chart, all, span));
  }

  function blank() {
    const kind = state.loaded ? "none" : "loading";
    if (empty.dataset.kind === kind) return;
    empty.dataset.kind = kind;
    empty.replaceChildren(el("p", { class: "lead" }, state.loaded ? "No model call in the last 15 minutes." : "Reading …"), el("p", {}, state.loaded ? "Tokens, latency, time to first token, cost and errors appear with the first call." : ""));
  }

  const watcher = new ResizeObserver(() => draw());
  watcher.observe(grid);
  const offs = ["performance", "loaded"].map((topic) => on(topic, draw));
  const timer = setInterval(draw, 5000);
  draw();
  return { stop: () => { watcher.disconnect(); clearInterval(timer); offs.forEach((off) => off()); } };
}

// One picture of a chart: bars, lines or a histogram over an axis, with the crosshair and the brush.
import { nice } from "./chart_data.js";
import { el, svg } from "./dom.js";
import { clock, moment, seconds } from "./format.js";

const PAD = { left: 40, right: 8, top: 7, bottom: 17 };
const DAY_S = 86_400;

const tick = (label) => label.replace(/(\.\d*?)0+(?=\D*$)/, "$1").replace(/\.(?=\D*$)/, "").replace(/ (ms|s|%)$/, "$1");
const label = (x, y, anchor, words) => { const node = svg("text", { x, y, class: "tick", "text-anchor": anchor }); node.textContent = words; return node; };

// Where things are on a plot of this size: over time, or over the bins of a histogram.
export function scales(width, height, [from, until], top) {
  const inner = width - PAD.left - PAD.right;
  return {
    width, height, from, until, top,
    x: (at) => PAD.left + ((at - from) / (until - from)) * inner,
    y: (v) => PAD.top + (1 - v / top) * (height - PAD.top - PAD.bottom),
    at: (px) => from + (Math.max(0, Math.min(1, (px - PAD.left) / inner))) * (until - from),
  };
}

export const peak = (chart, told, all) => Math.min(chart.most ?? Infinity, nice(chart.kind === "histogram" ? Math.max(...told.bins.map(([, , calls]) => calls), 0) : Math.max(chart.least ?? 0, ...all.flatMap((s) => s.points.map(([, v, base = 0]) => v + base)))));

function frame(picture, chart, s, stampOf) {
  for (const share of s.height > 110 ? [0, 0.5, 1] : [0, 1]) {
    picture.append(svg("line", { x1: PAD.left, x2: s.width - PAD.right, y1: s.y(s.top * share), y2: s.y(s.top * share), class: "rule" }));
    picture.append(label(PAD.left - 6, s.y(s.top * share) + 3.5, "end", share === 0 ? "0" : tick(chart.unit(s.top * share))));
  }
  const marks = s.width > 400 ? 4 : s.width > 240 ? 2 : 1;
  for (let i = 0; i <= marks; i += 1) {
    const at = s.from + ((s.until - s.from) * i) / marks;
    picture.append(label(s.x(at), s.height - 4, i === 0 ? "start" : i === marks ? "end" : "middle", stampOf(at)));
  }
}

// Times of the axis: with the day where the range spans more than one, with seconds where it is short.
export function stamp(from, until, width) {
  if (until - from > 2 * DAY_S) return (at) => new Date(at * 1000).toLocaleDateString([], { month: "short", day: "numeric" });
  if (until - from > DAY_S / 2 && width > 240) return (at) => moment(at * 1000, until * 1000).replace(/(\d\d:\d\d):\d\d$/, "$1");
  return (at) => clock(at * 1000, until - from < 300 && width > 170);
}

export function timePicture(chart, all, s, bucket) {
  const picture = svg("svg", { width: s.width, height: s.height, viewBox: `0 0 ${s.width} ${s.height}`, "aria-hidden": "true" });
  frame(picture, chart, s, stamp(s.from, s.until, s.width));
  const bar = Math.max(1, s.x(s.from + bucket) - s.x(s.from) - (s.until - s.from > 40 * bucket ? 1 : 2));
  for (const each of all) {
    if (chart.kind === "lines") { line(picture, each, s, bucket); continue; }
    for (const [at, v, base] of each.points) if (at >= s.from && v > 0) picture.append(svg("rect", { x: s.x(at) + 0.5, y: s.y(base + v), width: bar, height: Math.max(1, s.y(base) - s.y(base + v)), rx: Math.min(1.5, bar / 3), style: `fill:${each.colour}` }));
  }
  return picture;
}

function line(picture, each, s, bucket) {
  let path = "", last = null;
  for (const [at, v] of each.points) {
    if (at < s.from) continue;
    path += `${last !== null && at - last <= bucket * 4 ? "L" : "M"}${s.x(at + bucket / 2).toFixed(1)} ${s.y(v).toFixed(1)}`;
    last = at;
    picture.append(svg("circle", { cx: s.x(at + bucket / 2), cy: s.y(v), r: each.points.length > 30 ? 1.4 : 2.4, style: `fill:${each.colour}` }));
  }
  picture.append(svg("path", { d: path, class: "line", "stroke-dasharray": each.dash, style: `stroke:${each.colour}` }));
}

// Bins are as wide as they are on a scale of doublings.
export function histogramPicture(chart, bins, s, marks) {
  const picture = svg("svg", { width: s.width, height: s.height, viewBox: `0 0 ${s.width} ${s.height}`, "aria-hidden": "true" });
  frame(picture, chart, s, (at) => tick(seconds(2 ** at)));
  for (const [low, high, calls] of bins) picture.append(svg("rect", { x: s.x(Math.log2(low)) + 0.5, y: s.y(calls), width: Math.max(1, s.x(Math.log2(high)) - s.x(Math.log2(low)) - 1), height: Math.max(1, s.y(0) - s.y(calls)), rx: 1, style: "fill:var(--series-1)" }));
  for (const [value, colour, dash] of marks) {
    if (value === null) continue;
    const x = s.x(Math.log2(Math.max(value, 1e-3)));
    picture.append(svg("line", { x1: x, x2: x, y1: PAD.top, y2: s.height - PAD.bottom, class: "line", "stroke-dasharray": dash, style: `stroke:${colour}` }));
  }
  return picture;
}

// The crosshair with what it reads: rows are [colour, name, value].
export function reading(picture, s, x, title, rows, hint) {
  picture.append(svg("line", { x1: x, x2: x, y1: PAD.top, y2: s.height - PAD.bottom, class: "cross" }));
  const side = x > s.width / 2 ? `right:${Math.max(0, s.width - x + 8)}px` : `left:${x + 8}px`;
  return el("div", { class: "tip", style: side }, el("b", {}, title), ...rows.map(([colour, name, value]) => el("span", {}, el("i", { style: `background:${colour}` }), `${name} `, el("em", {}, value))), hint ? el("small", {}, hint) : null);
}

export function brushed(picture, s, from, until) {
  const [a, b] = [s.x(Math.min(from, until)), s.x(Math.max(from, until))];
  picture.append(svg("rect", { x: a, y: PAD.top, width: Math.max(1, b - a), height: s.height - PAD.top - PAD.bottom, class: "brush" }));
}

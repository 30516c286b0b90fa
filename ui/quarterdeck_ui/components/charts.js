// How the model calls of the range did: tokens, response time and how it is distributed, first token, cost, errors, throughput.
import { CHARTS, LINES, charts as figures, csv, domain, stacked, table } from "./chart_data.js";
import { brushed, histogramPicture, peak, reading, scales, timePicture } from "./chart_plot.js";
import { showRunsBehind } from "./chart_behind.js";
import { save } from "./deck_menus.js";
import { attr, el, keyed, text, writeClipboard } from "./dom.js";
import { clock, moment, seconds } from "./format.js";
import { contextMenu, moreButton } from "./menu.js";
import { RANGES, between } from "./scope.js";
import { now, on, rescope, state } from "./store.js";

const DRAG_PX = 6; // less is a click
const FINGER_PX = 24; // as far as a finger misses
const MIN_BRUSH = 2; // intervals

export function charts(panel) {
  const said = el("span", { class: "tally" });
  panel.tools.append(said);
  const grid = el("div", { class: "charts", "data-qd": "charts" });
  const empty = el("div", { class: "empty" });
  panel.body.append(grid, empty);
  const deck = () => panel.root.closest(".deck");
  // The quadrant is made before it is placed in the deck, over which its menus lie.
  const over = { append: (node) => deck().append(node), getRootNode: () => panel.root.getRootNode(), getBoundingClientRect: () => deck().getBoundingClientRect() };
  let hover = null; // {chart, at}: time in seconds, or place on the axis of the histogram
  let brush = null; // {chart, x, from, until}
  let tapped = null; // as hover
  let drawn = {};

  const items = (chart) => [
    { label: "Create alert…", act: () => window.location.assign(alertOf(chart)) },
    { label: "Export data (CSV)", act: () => save(`quarterdeck-${chart.key}.csv`, csv(table(chart, drawn.figures[chart.key])), "text/csv") },
    { label: "Export data (JSON)", act: () => save(`quarterdeck-${chart.key}.json`, JSON.stringify(asRecords(table(chart, drawn.figures[chart.key])), null, 2), "application/json") },
    { label: "Copy data", act: () => writeClipboard(csv(table(chart, drawn.figures[chart.key]))) },
  ];
  contextMenu(over, grid, (target) => {
    const node = target.closest(".chart");
    return node && { element: node, items: items(CHARTS.find((each) => each.key === node.dataset.chart)) };
  }, "Actions of the chart");

  function make(chart) {
    const plot = el("div", { class: "plot", tabindex: "0", role: "img" });
    const node = el("figure", { class: `chart ${chart.size ?? ""}`, "data-chart": chart.key },
      el("figcaption", {}, el("span", { class: "name" }, chart.title), el("b"), el("span", { class: "note" }), el("span", { class: "keys" }), moreButton(over, () => items(chart), `Actions of ${chart.title}`)),
      plot);
    listen(plot, chart);
    return node;
  }

  const place = (plot, event) => plot.scales?.at(event.clientX - plot.getBoundingClientRect().left) ?? null;

  function listen(plot, chart) {
    plot.addEventListener("pointerdown", (event) => {
      const at = place(plot, event);
      if (event.button !== 0 || at === null) return;
      brush = { chart, x: event.clientX, from: at, until: at, moved: false, read: read(plot, chart, event, at) };
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch" || brush) hover = { chart, at: place(plot, event), by: event.pointerType };
      if (brush && chart.kind !== "histogram") Object.assign(brush, { until: hover.at, moved: brush.moved || Math.abs(event.clientX - brush.x) > DRAG_PX });
      draw();
    });
    plot.addEventListener("pointerup", (event) => {
      const done = brush;
      brush = tapped = null;
      if (!done) return;
      const at = place(plot, event);
      if (done.moved) { hover = null; zoom(done.from, at); }
      // A finger has no way to point without pressing: its first tap reads, the next one opens.
      else if (done.read === null) hover = { chart, at: touched(plot, chart, at), by: event.pointerType };
      else tapped = { chart, at: done.read, by: event.pointerType };
      draw();
    });
    plot.addEventListener("click", () => { // not before: the click of a finger would reach the dialog, and shut it
      if (!tapped) return;
      hover = tapped;
      openBehind(chart, tapped.at);
      tapped = null;
      draw();
    });
    plot.addEventListener("pointercancel", () => { brush = hover = null; draw(); }); // the finger scrolls, or opens a menu
    plot.addEventListener("lostpointercapture", () => { if (brush) { brush = null; draw(); } });
    plot.addEventListener("pointerleave", (event) => { if (!brush && event.pointerType === "mouse") { hover = null; draw(); } });
    plot.addEventListener("blur", () => { hover = null; draw(); });
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); move(chart, step); draw(); }
      else if (event.key === "Enter" && hover?.chart === chart) { event.preventDefault(); openBehind(chart, hover.at); } // or it presses what then has the focus
      else if (event.key === "Escape" && (hover || brush)) { event.stopPropagation(); hover = brush = null; draw(); }
    });
  }

  // What a press opens: what a mouse points at, or what a finger or pen has read before.
  function read(plot, chart, event, at) {
    if (event.pointerType === "mouse") return at;
    const near = hover?.chart === chart && Math.abs(plot.scales.x(hover.at) - plot.scales.x(at)) <= FINGER_PX;
    return near ? hover.at : null;
  }

  // The value that a finger means.
  function touched(plot, chart, at) {
    const off = (each) => Math.abs(plot.scales.x(each) - plot.scales.x(at));
    const nearest = points(chart).reduce((best, each) => (off(each) < off(best) ? each : best), Infinity);
    return off(nearest) <= FINGER_PX ? nearest : at;
  }

  // Places that have a value.
  function points(chart) {
    const told = drawn.figures[chart.key];
    if (chart.kind === "histogram") return told.bins.map(([low, high]) => (Math.log2(low) + Math.log2(high)) / 2);
    const half = state.performance.bucket / 2;
    return [...new Set(told.series.flatMap((s) => s.points.map(([at]) => at + half)))].sort((a, b) => a - b);
  }

  // To the next of them.
  function move(chart, step) {
    const places = points(chart);
    if (!places.length) return;
    const here = hover?.chart === chart ? hover.at : null;
    const next = here === null ? places.at(-1) : step > 0 ? places.find((each) => each > here + 1e-6) ?? places.at(-1) : places.findLast((each) => each < here - 1e-6) ?? places[0];
    hover = { chart, at: next };
  }

  function zoom(a, b) {
    const { bucket } = state.performance;
    const from = Math.floor(Math.min(a, b) / bucket) * bucket;
    const until = Math.max(Math.ceil(Math.max(a, b) / bucket) * bucket, from + MIN_BRUSH * bucket);
    rescope({ range: between(from * 1000, until * 1000) });
  }

  function openBehind(chart, at) {
    if (chart.kind === "histogram") {
      const bin = drawn.figures.distribution.bins.find(([low, high]) => Math.log2(low) <= at && at < Math.log2(high));
      const { since, until } = state.performance;
      if (bin) showRunsBehind(deck(), `Calls of ${seconds(bin[0])} to ${seconds(bin[1])}`, { by: "latency", from: since * 1000, to: until * 1000, longer: bin[0], shorter: bin[1] });
      return;
    }
    const { bucket } = state.performance;
    const from = Math.floor(at / bucket) * bucket;
    if (!rowsAt(drawn.figures[chart.key].series, from).length) return;
    showRunsBehind(deck(), `${chart.title}: runs at ${moment(from * 1000, now())}`, { by: chart.by, from: from * 1000, to: (from + bucket) * 1000 });
  }

  const rowsAt = (all, at) => all.map((s) => [s, s.points.find(([t]) => t === at)]).filter(([, p]) => p);

  function update(node, chart, span) {
    const told = drawn.figures[chart.key];
    const [, value, remark, keys] = node.firstChild.children;
    text(value, told.headline);
    text(remark, told.note);
    attr(remark, "title", told.note);
    const shown = (told.series ?? []).filter((s) => s.points.length);
    keyed(keys, shown.length > 1 ? shown : [], (s) => s.name, (s) => el("span", { title: s.name }, el("i"), s.name), (key, s) => { key.firstChild.style.background = s.colour; });
    attr(node.lastChild, "aria-label", `${chart.title}: ${told.headline}, ${told.note}. Left and right read values, Enter shows the runs behind them.`);
    paint(node.lastChild, chart, told, chart.kind === "bars" ? stacked(shown) : shown, span);
  }

  function axis(chart, told, span) {
    if (chart.kind !== "histogram") return span;
    const low = Math.log2(told.bins[0][0]), high = Math.log2(told.bins.at(-1)[1]);
    return [low, Math.max(high, low + 3)];
  }

  function paint(plot, chart, told, all, span) {
    const width = plot.clientWidth, height = plot.clientHeight;
    if (width < 40 || height < 30) return;
    const pointed = hover?.chart === chart ? hover.at : null;
    const drag = brush?.chart === chart && brush.moved ? brush : null;
    const signature = JSON.stringify([width, height, span, told, pointed, drag && [drag.from, drag.until]]);
    if (plot.signature === signature) return;
    plot.signature = signature;
    if (chart.kind === "histogram" && !told.bins.length) { plot.scales = null; plot.replaceChildren(); return; }
    const s = (plot.scales = scales(width, height, axis(chart, told, span), peak(chart, told, all)));
    const o = state.performance.overall;
    const picture = chart.kind === "histogram" ? histogramPicture(chart, told.bins, s, ["p50", "p95", "p99"].map((name) => [o[name], name === "p50" ? "var(--text)" : LINES[name][0], LINES[name][1]])) : timePicture(chart, all, s, state.performance.bucket);
    if (drag) brushed(picture, s, drag.from, drag.until);
    plot.replaceChildren(picture, ...(pointed === null ? [] : tip(chart, told, all, s, picture, pointed, drag)));
  }

  const behind = () => (hover.by === "touch" || hover.by === "pen" ? "tap again: runs behind" : "click: runs behind");

  function tip(chart, told, all, s, picture, pointed, drag) {
    if (drag) return [reading(picture, s, s.x(drag.until), `${clock(Math.min(drag.from, drag.until) * 1000)} – ${clock(Math.max(drag.from, drag.until) * 1000)}`, [], "let go to show this range")];
    if (chart.kind === "histogram") {
      const bin = told.bins.find(([low, high]) => Math.log2(low) <= pointed && pointed < Math.log2(high));
      return bin ? [reading(picture, s, s.x(pointed), `${seconds(bin[0])} – ${seconds(bin[1])}`, [["var(--series-1)", "calls", chart.unit(bin[2])]], behind())] : [];
    }
    const { bucket } = state.performance;
    const at = Math.floor(pointed / bucket) * bucket;
    const rows = rowsAt(all, at).filter(([, p]) => chart.kind === "lines" || p[1] > 0);
    return rows.length ? [reading(picture, s, s.x(at + bucket / 2), moment(at * 1000, now()), rows.map(([each, p]) => [each.colour, each.name, chart.unit(p[1])]), behind())] : [];
  }

  function draw() {
    const data = state.performance;
    const any = Boolean(data?.models.length);
    const { name } = state.range;
    text(said, name in RANGES ? RANGES[name][1].toLowerCase() : name ? "chosen range" : "last 15 minutes");
    grid.hidden = !any;
    empty.hidden = any;
    if (!any) return blank();
    if (drawn.data !== data) drawn = { data, figures: figures(data) };
    const span = domain(data, now(), Boolean(name));
    keyed(grid, CHARTS, (chart) => chart.key, make, (node, chart) => update(node, chart, span));
  }

  function blank() {
    const kind = !state.loaded || !state.performance ? "loading" : state.range.name || state.filter.environment || state.filter.service ? "scope" : "none";
    if (empty.dataset.kind === kind) return;
    empty.dataset.kind = kind;
    const words = {
      loading: ["Reading …", ""],
      scope: ["No model call here.", "The range of time, or the environment and service above, leave none."],
      none: ["No model call in the last 15 minutes.", "Tokens, latency, time to first token, cost and errors appear with the first call. A longer range is above."],
    }[kind];
    empty.replaceChildren(el("p", { class: "lead" }, words[0]), el("p", {}, words[1]));
  }

  const watcher = new ResizeObserver(() => draw());
  watcher.observe(grid);
  const offs = ["performance", "loaded", "scope"].map((topic) => on(topic, draw));
  const timer = setInterval(draw, 5000);
  draw();
  return { stop: () => { watcher.disconnect(); clearInterval(timer); offs.forEach((off) => off()); } };
}

const MEASURES = { tokens: "tokens", latency: "latency_p95", distribution: "latency_p95", first: "first_token_p95", cost: "cost", errors: "error_rate", throughput: "calls" };

// Where a rule is made that watches what a chart shows, limited as the screen is.
function alertOf(chart) {
  const { environment, service } = state.filter;
  const query = new URLSearchParams({ view: "alerts", new: "1", measure: MEASURES[chart.key] ?? "error_rate" });
  if (environment) query.set("env", environment);
  if (service) query.set("service", service);
  return `/?${query}`;
}

function asRecords([names, ...rows]) {
  return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
}

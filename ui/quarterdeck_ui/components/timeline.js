// The waterfall of the selected run: what ran inside what, and how long it took.
import { attr, copy, el, icon, keyed, text } from "./dom.js";
import { OPEN, count, duration, moment, money, percent } from "./format.js";
import { keep, keepScroll, kept } from "./keep.js";
import { eachTick } from "./pace.js";
import { STAND_IN } from "./header.js";
import { errorsOf } from "./links.js";
import { ancestors, attempts, criticalPath, family, flat, foldingDepth, rootOf, unfolded } from "./spans.js";
import { now, on, select, state } from "./store.js";
import { virtualList } from "./virtual.js";

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 36e5, 72e5, 144e5, 432e5];

const ROW_HEIGHT = 27;
const TICK_PX = 52; // of a label on the axis
const FRESH_MS = 80;

export function timeline(panel, actions) {
  const following = el("span", { class: "tally", role: "status" });
  const release = el("button", { type: "button", class: "tiny", hidden: true, "data-qd": "follow-run", title: "Go to the newest run and move on with it (Esc)", onclick: actions.clear }, "Follow newest");
  const folds = ["Fold all", "Unfold all"].map((label, at) => el("button", { type: "button", class: "tiny folds", hidden: true, title: at ? "Show what is inside every step" : "Hide what is inside the steps", onclick: () => { chosenFolds = new Map(); every = at ? "open" : "shut"; draw(); } }, label));
  const hot = el("button", { type: "button", class: "tiny path", hidden: true, "aria-pressed": "false", "data-qd": "critical-path", title: "Point out the spans that the duration of the run hangs on", onclick: () => { marking = !marking; draw(); } }, "Critical path");
  panel.tools.append(following, hot, ...folds, release);
  const status = el("span", { class: "status" });
  const name = el("span", { class: "title" });
  const id = el("button", { type: "button", class: "idchip", title: "Copy the run id", "aria-label": "Copy the run id", onclick: () => copy(state.run, id) });
  const standIn = el("span", { class: "badge stand-in", hidden: true, title: STAND_IN }, "stand-in");
  const facts = el("dl", { class: "facts" });
  const problem = el("div", { class: "problem", hidden: true }, el("span"), el("a", {}, "Why, and what to do"));
  const whole = el("button", { type: "button", class: "tiny whole", hidden: true, "aria-pressed": "false", "data-qd": "whole-run", title: "What the run was given, what came out, and its configuration: in the inspector", onclick: () => select(state.run, known.root) }, "Input and output");
  const about = el("div", { class: "about" }, el("div", { class: "line" }, status, name, id, standIn, whole), facts, problem);
  const axis = el("div", { class: "axis", "aria-hidden": "true" });
  const list = el("div", { class: "bars", role: "tree", "aria-label": "Steps and calls of the run", "data-qd": "timeline" });
  const notice = el("div", { class: "notice", hidden: true, role: "status" });
  const flow = el("div", { class: "flow" }, axis, list, notice);
  const empty = el("div", { class: "empty" });
  panel.body.append(about, flow, empty);
  let riding = "";
  let rows = 0;
  let width = 0; // of the axis
  let drawn = 0; // when
  let every = ""; // what the reader asked of all rows: "open", "shut" or nothing
  let chosenFolds = new Map(); // and of single ones
  let marking = false;
  let known = { detail: undefined, root: "" };
  let view = { from: 0, span: 1, run: null };
  const bars = virtualList(list, { create: row, update: (element, item) => paint(element, item), height: () => ROW_HEIGHT, key: ({ node }) => node.id, drawn: enter });

  flow.addEventListener("wheel", () => { riding = ""; }, { passive: true });
  flow.addEventListener("pointerdown", () => { riding = ""; });

  const place = keepScroll("timeline", list, () => state.run);
  const leaving = () => keep("timeline", { run: state.run, riding: riding === state.run, every, folds: [...chosenFolds], marking });
  window.addEventListener("pagehide", leaving);

  // Another run is on screen: after a reload as it was left.
  function turn(run) {
    if (list.__run === run.id) return;
    const before = list.__run === undefined ? kept("timeline", {}) : {};
    const same = before.run === run.id ? before : { riding: true, every: "", folds: [], marking };
    list.__run = run.id;
    list.scrollTop = rows = 0;
    riding = same.riding && OPEN.has(run.status) ? run.id : "";
    chosenFolds = new Map(same.folds);
    ({ every, marking } = same);
  }

  // An open run that grows keeps its newest row in view until the reader takes over.
  function ride(run, count) {
    if (count !== rows && riding === run.id) list.scrollTop = list.scrollHeight;
    else if (riding !== run.id) place.back();
    rows = count;
  }

  function bounds(ordered, run) {
    let from = run.started;
    let until = OPEN.has(run.status) ? now() : (run.ended ?? 0);
    for (const { node } of ordered) { from = Math.min(from, node.start); until = Math.max(until, node.end ?? 0); }
    return [from, Math.max(until, from + 50) - from];
  }

  // What follows from the spans alone, until they change.
  function learnt() {
    if (known.detail === state.detail) return known;
    const nodes = state.detail?.nodes ?? new Map();
    const children = family(nodes);
    const ordered = flat(children);
    known = { detail: state.detail, nodes, children, ordered, root: rootOf(nodes), retried: attempts(nodes), depth: foldingDepth(ordered), parents: ordered.some(({ inside }) => inside) };
    return known;
  }

  function visible({ nodes, ordered, depth }) {
    const above = ancestors(nodes, state.span);
    return unfolded(ordered, ({ node, depth: at }) => {
      if (chosenFolds.has(node.id)) return chosenFolds.get(node.id);
      if (above.has(node.id)) return false;
      return every ? every === "shut" : at === depth && node.end !== null;
    });
  }

  function fold(id, shut) {
    chosenFolds.set(id, shut);
    riding = "";
    draw();
  }

  function scale(span) {
    const most = Math.max(1, Math.min(5, Math.floor(width / TICK_PX)));
    const step = STEPS.find((each) => span / each <= most) ?? 864e5;
    const ticks = [];
    for (let at = 0; at <= span * 0.96; at += step) ticks.push(at);
    keyed(axis, ticks, (at) => at, (at) => el("span", {}, at ? duration(at).replace(".0 s", " s").replace(/ 00[sm]$/, "") : "0"), (node, at) => { node.style.left = `${(at / span) * 100}%`; });
    list.style.setProperty("--grid", `${(step / span) * 100}%`);
  }

  function row({ node }) {
    const parts = { knob: el("button", { type: "button", class: "knob", tabindex: "-1", "aria-hidden": "true", onclick: (event) => { event.stopPropagation(); fold(node.id, !found.folded); } }), twig: el("span", { class: "twig" }, icon(node.kind, 12)), label: el("span", { class: "label" }), tries: el("span", { class: "tries", hidden: true }), note: el("span", { class: "note" }), bar: el("i"), wait: el("u"), time: el("span", { class: "num" }), use: el("span", { class: "num use" }) };
    parts.budget = el("span", { class: "budget", hidden: true }, el("i"));
    const found = el(
      "div",
      { class: "barrow", role: "treeitem", tabindex: "-1", "data-span": node.id, "data-kind": node.kind },
      el("span", { class: "what" }, parts.knob, parts.twig, parts.label, parts.tries, parts.note),
      el("span", { class: "lane" }, parts.bar, parts.wait),
      parts.use, parts.budget, parts.time,
    );
    parts.bar.append(parts.wait);
    found.parts = parts;
    found.addEventListener("click", () => select(state.run, node.id));
    return found;
  }

  function paint(element, { node: told, depth, inside, folded }) {
    const p = element.parts;
    const { from, span, run, path, retried } = view;
    // what never ended in a run that is over ended with it
    const cut = told.end === null && !OPEN.has(run.status);
    if (element.told !== told) element.cut = null;
    if (cut) element.cut ??= { ...told, status: "lost", end: Math.max(told.start, run.ended ?? told.start) };
    element.told = told;
    const node = cut ? element.cut : told;
    const end = node.end ?? now();
    p.bar.style.left = `${((node.start - from) / span) * 100}%`;
    p.bar.style.width = `${(Math.max(0, end - node.start) / span) * 100}%`;
    text(p.time, duration(end - node.start));
    const waited = path?.get(node.id);
    attr(element, "data-critical", path ? (waited === undefined ? "no" : "yes") : null);
    attr(p.bar, "title", waited === undefined ? null : `on the critical path: ${duration(waited)} of it in this span itself, ${percent(waited / span)} of the run`);
    const tried = retried.get(node.id);
    const next = { node, depth, inside, folded, tries: tried?.of, chosen: state.shown?.id };
    if (Object.entries(next).every(([name, value]) => element[name] === value)) return;
    Object.assign(element, next);
    attr(element, "aria-level", depth + 1);
    attr(element, "aria-expanded", inside ? String(!folded) : null);
    attr(p.knob, "title", inside ? `${folded ? "Show" : "Hide"} ${inside.toLocaleString()} inside` : null);
    p.tries.hidden = !tried;
    text(p.tries, tried ? `attempt ${tried.attempt} of ${tried.of}` : "");
    attr(p.tries, "data-failed", node.status === "failed");
    attr(element, "data-status", node.status);
    element.style.setProperty("--depth", depth);
    text(p.label, node.name);
    const notes = [folded ? `+${inside.toLocaleString()}` : "", node.error || (node.kind === "call" ? node.provider : ""), node.end === null ? node.message : ""].filter(Boolean).join(" · ");
    text(p.note, notes);
    attr(p.note, "data-of", notes && notes === node.provider ? "provider" : null);
    attr(element, "title", [node.name, node.provider, node.model, node.status, node.error].filter(Boolean).join(" · "));
    attr(element, "aria-label", [`${node.kind} ${node.name}`, tried ? `attempt ${tried.attempt} of ${tried.of}` : "", node.status, folded ? `${inside} inside, folded` : ""].filter(Boolean).join(", "));
    attr(element, "aria-selected", node.id === state.shown?.id ? "true" : "false");
    const tokens = node.tokens_in + node.tokens_out;
    text(p.use, node.kind === "step" && node.budget ? `${count(tokens)} / ${count(node.budget)}` : tokens ? `${count(tokens)}${node.kind === "call" && node.cost !== null ? `  ${money(node.cost)}` : ""}` : "");
    attr(p.use, "title", tokens ? `${node.tokens_in.toLocaleString()} tokens in${node.cache_read ? ` (${node.cache_read.toLocaleString()} from cache)` : ""}, ${node.tokens_out.toLocaleString()} out, cost ${money(node.cost)}` : null);
    budget(p, node, tokens);
    const wait = node.first_chunk && node.end ? Math.min(1, (node.first_chunk * 1000) / Math.max(1, node.end - node.start)) : 0;
    p.wait.style.width = `${wait * 100}%`;
    attr(p.wait, "title", wait ? `first content after ${duration(node.first_chunk * 1000)}` : null);
  }

  function budget(p, node, tokens) {
    const share = node.budget ? tokens / node.budget : 0;
    const level = share > 1 ? "over" : share >= 0.8 ? "near" : "ok";
    p.budget.hidden = !node.budget;
    attr(p.use, "data-budget", node.budget ? level : null);
    attr(p.budget, "data-budget", level);
    attr(p.budget, "title", node.budget ? `${Math.round(share * 100)} % of the token budget${share > 1 ? ": over budget" : share >= 0.8 ? ": close to the budget" : ""}` : null);
    p.budget.firstChild.style.width = `${Math.min(1, share) * 100}%`;
  }

  function fact(label, value, title) {
    return value ? [{ label, value, title }] : [];
  }

  function describe(run) {
    if (status.dataset.word !== run.status) {
      status.dataset.word = run.status;
      attr(status, "data-status", run.status);
      status.replaceChildren(icon(run.status, 12), el("b", {}, run.status));
    }
    text(name, run.name || run.id);
    text(id, run.id.length > 14 ? `${run.id.slice(0, 8)}…${run.id.slice(-4)}` : run.id);
    const tokens = run.tokens_in + run.tokens_out;
    const list = [
      ...fact("Duration", duration((run.ended ?? now()) - run.started)),
      ...fact("Started", moment(run.started, now())),
      ...fact("Steps", run.progress.total ? `${run.progress.estimated ? "~" : ""}${run.progress.done}/${run.progress.total}` : run.progress.done ? String(run.progress.done) : ""),
      ...fact("Tokens", tokens ? count(tokens) : "", `${run.tokens_in.toLocaleString()} in, ${run.tokens_out.toLocaleString()} out`),
      ...fact("Cost", run.cost !== null && run.calls ? money(run.cost) + (run.partly_priced ? "+" : "") : run.calls && !OPEN.has(run.status) ? "unknown" : ""),
      ...fact("Models", run.models.join(", "), run.models.join(", ")),
      ...fact("Version", run.version.length > 12 ? run.version.slice(0, 10) : run.version, run.version),
    ];
    keyed(facts, list, (f) => f.label, (f) => el("div", {}, el("dt", {}, f.label), el("dd")), (node, f) => { text(node.lastChild, f.value); attr(node, "title", f.title); });
    standIn.hidden = !run.stand_in;
    const words = run.status === "lost" ? run.error || "No sign of life: the process that ran it ended without saying so." : ["failed", "cancelled"].includes(run.status) ? run.error : "";
    problem.hidden = !words;
    text(problem.firstChild, words);
    attr(problem.lastChild, "href", errorsOf(run.id));
    problem.lastChild.hidden = run.status !== "failed";
  }

  function draw() {
    drawn = performance.now();
    const run = state.detail?.run ?? (state.run ? state.runs.get(state.run) : null);
    text(following, state.chosen || !run ? "" : state.reading ? "stays here while you read" : "following the newest run");
    release.hidden = !state.chosen && !state.reading;
    const missing = state.run && state.detail?.found === false;
    about.hidden = flow.hidden = !run || missing;
    empty.hidden = Boolean(run) && !missing;
    if (!run || missing) { for (const button of [hot, ...folds]) button.hidden = true; return blank(missing); }
    describe(run);
    turn(run);
    const { children, ordered, parents, retried } = learnt();
    const [from, span] = bounds(ordered, run);
    scale(span);
    whole.hidden = !known.root;
    attr(whole, "aria-pressed", String(Boolean(known.root) && state.shown?.id === known.root));
    view = { from, span, run, retried, path: marking ? criticalPath(children, from + span) : null };
    for (const button of folds) button.hidden = !parents || ordered.length < 12;
    hot.hidden = !ordered.length;
    attr(hot, "aria-pressed", String(marking));
    bars.show(visible(known));
    ride(run, ordered.length);
    notice.hidden = !state.detail?.truncated;
    text(notice, state.detail?.truncated ? `This run has more spans than fit here: the first ${ordered.length.toLocaleString("en-US")} are shown.` : "");
  }

  // One row can be reached with the tab key: the one that is shown, else the first.
  function enter() {
    const rows = [...bars.nodes()];
    const entry = rows.find((each) => each.dataset.span === state.shown?.id) ?? rows.find((each) => each.style.transform === "translateY(0px)") ?? rows[0];
    for (const each of rows) attr(each, "tabindex", each === entry ? "0" : "-1");
  }

  function blank(missing) {
    const kind = missing ? `missing ${state.run}` : state.run ? "loading" : "none";
    if (empty.dataset.kind === kind) return;
    empty.dataset.kind = kind;
    if (missing)
      empty.replaceChildren(
        icon("lost", 28),
        el("p", { class: "lead", role: "status", "data-qd": "unknown-run" }, `There is no run ${state.run}`),
        el("p", {}, "It may belong to another database, be older than what is kept, or the link may be cut short."),
        el("p", {}, el("button", { type: "button", class: "link", onclick: actions.clear }, "Follow the newest run instead")),
      );
    else if (state.run) empty.replaceChildren(el("p", { class: "lead" }, "Reading the run …"));
    else empty.replaceChildren(icon("step", 28), el("p", { class: "lead" }, "The steps of the newest run appear here."), el("p", {}, "Select a run in the list to stay with it."));
  }

  // The keys of a tree: up and down between rows, right and left into them and out.
  list.addEventListener("keydown", (event) => {
    const at = event.target.closest(".barrow");
    if (!at || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = bars.index(at.dataset.span);
    const go = (to) => {
      if (!bars.item(to)) return;
      bars.reveal(to).focus();
      select(state.run, bars.item(to).node.id);
    };
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in steps) go(steps[event.key] > 0 && !bars.item(index + steps[event.key]) ? index + 1 : Math.max(0, index + steps[event.key]));
    else if (event.key === "Home") go(0);
    else if (event.key === "Enter") select(state.run, at.dataset.span);
    else if (event.key === "ArrowRight" && at.inside) at.folded ? fold(at.dataset.span, false) : go(index + 1);
    else if (event.key === "ArrowLeft" && at.inside && !at.folded) fold(at.dataset.span, true);
    else if (event.key === "ArrowLeft") {
      let up = index - 1;
      while (up >= 0 && bars.item(up).depth >= at.depth) up -= 1;
      go(up);
    } else return;
    event.preventDefault();
  });
  const animate = () => {
    const run = state.detail?.run;
    if (performance.now() - drawn < FRESH_MS) return; // something new has just come
    if (run && OPEN.has(run.status) && run.status !== "paused") draw();
    else if (run && OPEN.has(run.status)) describe(run);
  };
  const still = eachTick(animate);
  const offs = ["detail", "selection", "span", "runs", "loaded"].map((topic) => on(topic, draw));
  draw();
  const watcher = new ResizeObserver(() => { rows = -1; width = axis.clientWidth; draw(); });
  watcher.observe(list);
  return { stop: () => { watcher.disconnect(); window.removeEventListener("pagehide", leaving); place.stop(); bars.stop(); still(); offs.forEach((off) => off()); } };
}

// The waterfall of the selected run: what ran inside what, and how long it took.
import { attr, copy, el, icon, keyed, text } from "./dom.js";
import { OPEN, count, duration, moment, money } from "./format.js";
import { now, on, select, state } from "./store.js";

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 36e5, 72e5, 144e5, 432e5];

function tree(nodes) {
  const children = new Map();
  for (const node of nodes.values()) {
    const parent = nodes.has(node.parent) ? node.parent : "";
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(node);
  }
  for (const group of children.values()) group.sort((a, b) => a.start - b.start);
  const ordered = [];
  const visit = (id, depth) => {
    for (const node of children.get(id) ?? []) {
      const isRoot = node.kind === "run" && depth === 0;
      if (!isRoot) ordered.push({ node, depth });
      visit(node.id, isRoot ? depth : depth + 1);
    }
  };
  visit("", 0);
  return ordered;
}

export function timeline(panel, actions) {
  const following = el("span", { class: "tally", role: "status" });
  const release = el("button", { type: "button", class: "tiny", hidden: true, "data-qd": "follow-run", title: "Go to the newest run and move on with it (Esc)", onclick: actions.clear }, "Follow newest");
  panel.tools.append(following, release);
  const status = el("span", { class: "status" });
  const name = el("span", { class: "title" });
  const id = el("button", { type: "button", class: "idchip", title: "Copy the run id", "aria-label": "Copy the run id", onclick: () => copy(state.run, id) });
  const facts = el("dl", { class: "facts" });
  const problem = el("div", { class: "problem", hidden: true });
  const about = el("div", { class: "about" }, el("div", { class: "line" }, status, name, id), facts, problem);
  const axis = el("div", { class: "axis", "aria-hidden": "true" });
  const list = el("div", { class: "bars", role: "listbox", "aria-label": "Steps and calls of the run", "data-qd": "timeline" });
  const notice = el("div", { class: "notice", hidden: true }, "This run has more spans than fit here: the first 2,000 are shown.");
  const flow = el("div", { class: "flow" }, axis, list, notice);
  const empty = el("div", { class: "empty" });
  panel.body.append(about, flow, empty);
  let frame = null;
  let riding = "";
  let rows = 0;

  flow.addEventListener("wheel", () => { riding = ""; }, { passive: true });
  flow.addEventListener("pointerdown", () => { riding = ""; });

  // An open run that grows keeps its newest row in view until the reader takes over.
  function ride(run, count) {
    if (list.__run !== run.id) { list.__run = run.id; rows = 0; list.scrollTop = 0; riding = OPEN.has(run.status) ? run.id : ""; }
    if (count !== rows && riding === run.id) list.scrollTop = list.scrollHeight;
    rows = count;
  }

  function bounds(ordered, run) {
    const starts = [run.started, ...ordered.map(({ node }) => node.start)];
    const from = Math.min(...starts);
    const ends = ordered.map(({ node }) => node.end ?? 0);
    const until = Math.max(OPEN.has(run.status) ? now() : (run.ended ?? 0), ...ends, from + 50);
    return [from, until - from];
  }

  function scale(span) {
    const step = STEPS.find((each) => span / each <= 5) ?? 864e5;
    const ticks = [];
    for (let at = 0; at <= span * 0.96; at += step) ticks.push(at);
    keyed(axis, ticks, (at) => at, (at) => el("span", {}, at ? duration(at).replace(".0 s", " s").replace(/ 00[sm]$/, "") : "0"), (node, at) => { node.style.left = `${(at / span) * 100}%`; });
    list.style.setProperty("--grid", `${(step / span) * 100}%`);
  }

  function row({ node }) {
    const parts = { twig: el("span", { class: "twig" }, icon(node.kind, 12)), label: el("span", { class: "label" }), note: el("span", { class: "note" }), bar: el("i"), wait: el("u"), time: el("span", { class: "num" }), use: el("span", { class: "num use" }) };
    parts.budget = el("span", { class: "budget", hidden: true }, el("i"));
    const found = el(
      "div",
      { class: "barrow", role: "option", tabindex: "-1", "data-span": node.id, "data-kind": node.kind },
      el("span", { class: "what" }, parts.twig, parts.label, parts.note),
      el("span", { class: "lane" }, parts.bar, parts.wait),
      parts.use, parts.budget, parts.time,
    );
    parts.bar.append(parts.wait);
    found.parts = parts;
    found.addEventListener("click", () => select(state.run, node.id));
    return found;
  }

  function paint(element, { node: told, depth }, from, span, run) {
    const p = element.parts;
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
    if (element.node === node && element.depth === depth && element.chosen === state.shown?.id) return;
    Object.assign(element, { node, depth, chosen: state.shown?.id });
    attr(element, "data-status", node.status);
    element.style.setProperty("--depth", depth);
    text(p.label, node.name);
    const notes = [node.attempt > 1 ? `try ${node.attempt}` : "", node.error, node.end === null ? node.message : ""].filter(Boolean).join(" · ");
    text(p.note, notes);
    attr(element, "title", [node.name, node.model, node.status, node.error].filter(Boolean).join(" · "));
    attr(element, "aria-label", `${node.kind} ${node.name}, ${node.status}`);
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
    const words = run.status === "lost" ? run.error || "No sign of life: the process that ran it ended without saying so." : ["failed", "cancelled"].includes(run.status) ? run.error : "";
    problem.hidden = !words;
    text(problem, words);
  }

  function draw() {
    const run = state.detail?.run ?? (state.run ? state.runs.get(state.run) : null);
    text(following, state.chosen || !run ? "" : state.reading ? "stays here while you read" : "following the newest run");
    release.hidden = !state.chosen && !state.reading;
    const missing = state.run && state.detail?.found === false;
    about.hidden = flow.hidden = !run || missing;
    empty.hidden = Boolean(run) && !missing;
    if (!run || missing) return blank(missing);
    describe(run);
    const ordered = state.detail ? tree(state.detail.nodes) : [];
    const [from, span] = bounds(ordered, run);
    scale(span);
    keyed(list, ordered, ({ node }) => node.id, row, (element, item) => paint(element, item, from, span, run));
    list.querySelectorAll(":scope > [tabindex='0']").forEach((each) => attr(each, "tabindex", "-1"));
    const entry = [...list.children].find((each) => each.dataset.span === state.shown?.id) ?? list.firstElementChild;
    if (entry) attr(entry, "tabindex", "0");
    ride(run, ordered.length);
    notice.hidden = !state.detail?.truncated;
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

  list.addEventListener("keydown", (event) => {
    const at = event.target.closest(".barrow");
    const next = at && { ArrowDown: at.nextElementSibling, ArrowUp: at.previousElementSibling }[event.key];
    if (next) { event.preventDefault(); next.focus(); select(state.run, next.dataset.span); }
    else if (at && event.key === "Enter") select(state.run, at.dataset.span);
  });
  const animate = () => {
    const run = state.detail?.run;
    if (run && OPEN.has(run.status) && run.status !== "paused" && !document.hidden) draw();
    else if (run && OPEN.has(run.status)) describe(run);
  };
  frame = setInterval(animate, 200);
  const offs = ["detail", "selection", "span", "runs", "loaded"].map((topic) => on(topic, draw));
  draw();
  const watcher = new ResizeObserver(() => { rows = -1; draw(); });
  watcher.observe(list);
  return { stop: () => { watcher.disconnect(); clearInterval(frame); offs.forEach((off) => off()); } };
}

// The list of runs: open ones first, then the newest.
import { attr, el, icon, keyed, text } from "./dom.js";
import { OPEN, count, duration, moment, money } from "./format.js";
import { now, on, select, state } from "./store.js";

const WORDS = { pause: "Pause", resume: "Resume", cancel: "Cancel" };

export function runs(panel, actions) {
  const filter = el("input", { type: "search", class: "filter", placeholder: "Filter runs", "aria-label": "Filter runs", title: "Filter runs (Ctrl+F)", "data-qd": "filter", spellcheck: "false", autocomplete: "off" });
  panel.tools.append(el("span", { class: "tally" }), el("label", { class: "searchbox" }, icon("search", 12), filter));
  const tally = panel.tools.firstChild;
  const head = el("div", { class: "run head", "aria-hidden": "true" }, ...["Status", "Run", "Progress", "Elapsed", "Tokens", "Cost", ""].map((word, i) => el("span", { class: ["c-status", "c-name", "c-progress", "c-time", "c-tokens", "c-cost", "c-act"][i] }, word)));
  const list = el("div", { class: "rows", role: "listbox", "aria-label": "Runs", "data-qd": "runs" });
  const empty = el("div", { class: "empty", hidden: true });
  panel.body.append(head, list, empty);

  let reached = "";

  function row(run) {
    const parts = {
      status: el("span", { class: "status c-status" }),
      name: el("span", { class: "name" }),
      sub: el("span", { class: "sub" }),
      fill: el("i"),
      steps: el("span", { class: "steps" }),
      time: el("span", { class: "num c-time" }),
      tokens: el("span", { class: "num c-tokens" }),
      cost: el("span", { class: "num c-cost" }),
      act: el("span", { class: "c-act" }),
    };
    parts.bar = el("span", { class: "track", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, parts.fill);
    const node = el(
      "div",
      { class: "run", role: "option", tabindex: "-1", "data-run": run.id },
      parts.status,
      el("span", { class: "c-name" }, parts.name, parts.sub),
      el("span", { class: "c-progress" }, parts.bar, parts.steps),
      parts.time, parts.tokens, parts.cost, parts.act,
    );
    node.parts = parts;
    node.addEventListener("click", (event) => { if (!event.target.closest("button")) { select(run.id); node.focus({ preventScroll: true }); } });
    return node;
  }

  function update(node, run) {
    if (node.run !== run) {
      node.run = run;
      const p = node.parts;
      attr(node, "data-status", run.status);
      if (p.status.dataset.word !== run.status) {
        p.status.dataset.word = run.status;
        p.status.replaceChildren(icon(run.status, 12), el("b", {}, run.status));
        attr(p.status, "title", run.status);
      }
      text(p.name, run.name || run.id);
      const detail = [run.step || (run.status === "failed" || run.status === "lost" ? run.error : ""), run.models.join(", ")].filter(Boolean).join("  ·  ");
      text(p.sub, detail || `started ${moment(run.started, now())}`);
      attr(p.sub, "title", detail);
      const { value, done, total, estimated } = run.progress;
      p.fill.style.transform = `scaleX(${value ?? (OPEN.has(run.status) ? 0 : 1)})`;
      attr(p.bar, "data-unknown", value === null && OPEN.has(run.status));
      attr(p.bar, "aria-valuenow", value === null ? null : Math.round(value * 100));
      attr(p.bar, "aria-label", `Progress of ${run.name}`);
      text(p.steps, total ? `${estimated ? "~" : ""}${done}/${total}` : done ? `${done}` : "");
      attr(p.steps, "title", estimated ? "Estimated from earlier runs of this pipeline" : total ? "Steps done of all steps" : "Steps done");
      const tokens = run.tokens_in + run.tokens_out;
      text(p.tokens, tokens ? count(tokens) : "–");
      attr(p.tokens, "title", `${run.tokens_in.toLocaleString()} in, ${run.tokens_out.toLocaleString()} out, ${run.calls} model calls`);
      text(p.cost, run.cost === null ? (run.calls && !OPEN.has(run.status) ? "?" : "–") : money(run.cost) + (run.partly_priced ? "+" : ""));
      attr(p.cost, "title", run.cost === null ? "The price of the model is unknown" : run.partly_priced ? "Some calls have no known price" : null);
      if (node.asked && !run.actions.includes("cancel")) node.asked = false;
      buttons(node, run);
    }
    const chosen = run.id === state.run;
    attr(node, "aria-selected", chosen ? "true" : "false");
    attr(node, "data-following", chosen && !state.chosen);
    attr(node, "tabindex", chosen || (!state.run && run.id === state.order[0]) ? "0" : "-1");
    elapsed(node);
  }

  function elapsed(node) {
    text(node.parts.time, duration((node.run.ended ?? now()) - node.run.started));
  }

  function buttons(node, run) {
    const signature = `${run.actions.join()}|${node.asked ? "?" : ""}|${node.busy ?? ""}`;
    if (node.signature === signature) return;
    node.signature = signature;
    const act = (name) => {
      node.busy = name;
      setTimeout(() => { node.busy = ""; if (node.run) buttons(node, node.run); }, 4000);
      node.asked = false;
      actions.steer(run.id, name);
      buttons(node, node.run);
    };
    const ask = (yes) => { node.asked = yes; buttons(node, node.run); node.parts.act.querySelector("button")?.focus(); };
    if (node.asked) {
      node.parts.act.replaceChildren(
        el("button", { type: "button", class: "tiny danger", "data-action": "cancel-yes", "aria-label": `Yes, cancel ${run.name}`, onclick: () => act("cancel") }, "Cancel run"),
        el("button", { type: "button", class: "tiny", "data-action": "cancel-no", "aria-label": "No, keep it running", onclick: () => ask(false) }, "Keep"),
      );
      return;
    }
    node.parts.act.replaceChildren(
      ...run.actions.filter((name) => name in WORDS).map((name) =>
        el("button", { type: "button", class: "act", disabled: node.busy === name, "data-action": name, "aria-label": `${WORDS[name]} ${run.name}`, title: WORDS[name], onclick: () => (name === "cancel" ? ask(true) : act(name)) }, icon(name, 13)),
      ),
    );
    attr(node.parts.act, "data-busy", node.busy ? "true" : null);
  }

  function visible() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = state.order.map((id) => state.runs.get(id)).filter(Boolean);
    return words.length ? found.filter((run) => words.every((word) => [run.name, run.status, run.id, run.step, run.version, ...run.models].join(" ").toLowerCase().includes(word))) : found;
  }

  function draw() {
    const shown = visible();
    keyed(list, shown, (run) => run.id, row, update);
    text(tally, state.order.length ? (filter.value ? `${shown.length} of ${state.order.length}` : `${state.order.length}`) : "");
    panel.body.classList.toggle("noact", !shown.some((run) => run.actions.length));
    head.hidden = !shown.length;
    attr(empty, "hidden", shown.length ? "" : null);
    empty.hidden = Boolean(shown.length);
    if (!shown.length) blank(empty, filter.value, actions);
    if (state.run !== reached && state.runs.has(state.run)) {
      reached = state.run;
      list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    }
  }

  list.addEventListener("keydown", (event) => {
    const at = event.target.closest(".run");
    if (!at || event.target !== at) return;
    const next = { ArrowDown: at.nextElementSibling, ArrowUp: at.previousElementSibling, Home: list.firstElementChild, End: list.lastElementChild }[event.key];
    if (next) { event.preventDefault(); next.focus(); select(next.dataset.run); }
    else if (event.key === "Enter") select(at.dataset.run);
  });
  filter.addEventListener("input", draw);
  filter.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); filter.value = ""; draw(); filter.blur(); } });
  const offs = ["runs", "selection", "loaded"].map((topic) => on(topic, draw));
  const timer = setInterval(() => { for (const node of list.children) if (node.run && OPEN.has(node.run.status)) elapsed(node); }, 200);
  draw();
  return { focusFilter: () => { filter.focus(); filter.select(); }, stop: () => { clearInterval(timer); offs.forEach((off) => off()); } };
}

const SAMPLE = "import quarterdeck as qd\n\nqd.init()\n\n@qd.pipeline\ndef hello(name): ...";

function blank(empty, filtered, actions) {
  const kind = filtered ? "filtered" : state.loaded ? "none" : "loading";
  if (empty.dataset.kind === kind) return;
  empty.dataset.kind = kind;
  if (kind === "filtered") empty.replaceChildren(el("p", { class: "lead" }, "No run matches the filter."), el("p", {}, "It looks at name, status, step, model, version and id."));
  else if (kind === "loading") empty.replaceChildren(el("p", { class: "lead" }, "Reading runs …"));
  else
    empty.replaceChildren(
      icon("helm", 36),
      el("p", { class: "lead" }, "No runs yet."),
      el("p", {}, "Watch the demo pipelines: ", el("code", {}, "quarterdeck demo")),
      el("p", {}, "Or your own, with two lines and a decorator:"),
      el("pre", {}, SAMPLE),
      el("p", {}, el("button", { type: "button", class: "link", onclick: actions.start }, "Start a pipeline of the runner")),
    );
}

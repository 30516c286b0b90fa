// One row of the list of runs.
import { attr, el, icon, text } from "./dom.js";
import { OPEN, count, duration, moment, money } from "./format.js";
import { now, select, state } from "./store.js";

const WORDS = { pause: "Pause", resume: "Resume", cancel: "Cancel", retry: "Retry" };
const SHOWN_MS = 4000; // how long a button shows that it was pressed
const MOST_ESTIMATED = 0.95;

const cell = (kind, ...children) => el("span", { class: kind, role: "gridcell" }, ...children);

export function runRow() {
  const parts = { status: cell("status c-status"), name: el("span", { class: "name" }), sub: el("span", { class: "sub" }), fill: el("i"), steps: el("span", { class: "steps" }), time: cell("num c-time"), tokens: cell("num c-tokens"), cost: cell("num c-cost"), act: cell("c-act") };
  parts.bar = el("span", { class: "track", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, parts.fill);
  const node = el("div", { class: "run", role: "row", tabindex: "-1" }, parts.status, cell("c-name", parts.name, parts.sub), cell("c-progress", parts.bar, parts.steps), parts.time, parts.tokens, parts.cost, parts.act);
  node.parts = parts;
  node.addEventListener("click", (event) => { if (!event.target.closest("button")) { select(node.run.id); node.focus({ preventScroll: true }); } });
  return node;
}

// What can be asked of a run now.
export const actionsOf = (run) => (run.actions.length ? run.actions : OPEN.has(run.status) ? [] : (state.offers.get(run.id) ?? [])).filter((name) => name in WORDS);

export function updateRow(node, run, index, steer) {
  const actions = actionsOf(run);
  if (node.run !== run) {
    node.run = run;
    attr(node, "data-run", run.id);
    attr(node, "data-status", run.status);
    facts(node.parts, run);
  }
  if (node.asked && !actions.includes("cancel")) node.asked = false;
  buttons(node, run, actions, steer);
  const chosen = run.id === state.run;
  attr(node, "aria-rowindex", index + 2);
  attr(node, "aria-selected", chosen ? "true" : "false");
  attr(node, "data-following", chosen && !state.chosen);
  attr(node, "tabindex", chosen || (!state.run && index <= 1) ? "0" : "-1");
  tick(node);
}

function facts(p, run) {
  if (p.status.dataset.word !== run.status) {
    p.status.dataset.word = run.status;
    p.status.replaceChildren(icon(run.status, 12), el("b", {}, run.status));
    attr(p.status, "title", run.status);
  }
  text(p.name, run.name || run.id);
  const detail = [run.step || (run.status === "failed" || run.status === "lost" ? run.error : ""), run.models.join(", ")].filter(Boolean).join("  ·  ");
  text(p.sub, detail || `started ${moment(run.started, now())}`);
  const home = [run.environment, run.service].filter(Boolean).join(" / ");
  attr(p.sub, "title", [detail, `Started ${new Date(run.started).toLocaleString()}`, home].filter(Boolean).join("\n"));
  attr(p.bar, "aria-label", `Progress of ${run.name}`);
  const tokens = run.tokens_in + run.tokens_out;
  text(p.tokens, tokens ? count(tokens) : "–");
  attr(p.tokens, "title", `${run.tokens_in.toLocaleString()} in, ${run.tokens_out.toLocaleString()} out, ${run.calls} model calls`);
  text(p.cost, run.cost === null ? (run.calls && !OPEN.has(run.status) ? "?" : "–") : money(run.cost) + (run.partly_priced ? "+" : ""));
  attr(p.cost, "title", run.cost === null ? "The price of the model is unknown" : run.partly_priced ? "Some calls have no known price" : null);
}

// What moves with time: the elapsed time, and progress that is guessed from it.
export function tick(node) {
  const { run, parts } = node;
  const elapsed = (run.ended ?? now()) - run.started;
  text(parts.time, duration(elapsed));
  const { value, done, total, estimated } = run.progress;
  const open = OPEN.has(run.status);
  const guessed = value === null && open && run.usual_ms ? Math.min(MOST_ESTIMATED, elapsed / run.usual_ms) : null;
  const share = value ?? guessed;
  parts.fill.style.transform = `scaleX(${(share ?? (open ? 0 : 1)).toFixed(3)})`;
  attr(parts.bar, "data-unknown", share === null && open);
  attr(parts.bar, "data-estimated", estimated || guessed !== null);
  attr(parts.bar, "aria-valuenow", share === null ? null : Math.round(share * 100));
  text(parts.steps, total ? `${estimated ? "~" : ""}${done}/${total}` : guessed !== null ? `~${Math.round(guessed * 100)} %` : done ? `${done}` : "");
  attr(parts.steps, "title", guessed !== null ? `Estimated: earlier runs took ${duration(run.usual_ms)}` : estimated ? "Estimated from earlier runs of this pipeline" : total ? "Steps done of all steps" : "Steps done");
}

function buttons(node, run, actions, steer) {
  const signature = `${run.id}|${actions.join()}|${node.asked ? "?" : ""}|${node.busy ?? ""}`;
  if (node.signature === signature) return;
  node.signature = signature;
  const redraw = () => { if (node.run) buttons(node, node.run, actionsOf(node.run), steer); };
  const act = (name) => {
    node.busy = name;
    setTimeout(() => { node.busy = ""; redraw(); }, SHOWN_MS);
    node.asked = false;
    steer(run.id, name);
    redraw();
  };
  const ask = (yes) => { node.asked = yes; redraw(); node.parts.act.querySelector("button")?.focus(); };
  if (node.asked) {
    node.parts.act.replaceChildren(
      el("button", { type: "button", class: "tiny danger", "data-action": "cancel-yes", "aria-label": `Yes, cancel ${run.name}`, onclick: () => act("cancel") }, "Cancel run"),
      el("button", { type: "button", class: "tiny", "data-action": "cancel-no", "aria-label": "No, keep it running", onclick: () => ask(false) }, "Keep"),
    );
    return;
  }
  node.parts.act.replaceChildren(...actions.map((name) =>
    el("button", { type: "button", class: "act", disabled: node.busy === name, "data-action": name, "aria-label": `${WORDS[name]} ${run.name}`, title: name === "retry" ? "Retry: a new run, from where this one stopped" : WORDS[name], onclick: () => (name === "cancel" ? ask(true) : act(name)) }, icon(name, 13)),
  ));
  attr(node.parts.act, "data-busy", node.busy ? "true" : null);
}

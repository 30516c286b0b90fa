// A call beside another one: of the same run, or the same step one run earlier. What differs, line by line.
import { el, text } from "./dom.js";
import { hunks, lineDiff } from "./diff.js";
import { clock, count, duration, money } from "./format.js";
import { messages, plainText } from "./messages.js";
import { state } from "./store.js";

const SIGNS = { same: " ", gone: "−", new: "+" };

export const callsOf = (nodes) => [...nodes.values()].filter((node) => node.kind === "call").sort((a, b) => a.start - b.start);

// What can be compared with a call: { key, label, query } each, where the query names the other span to the server.
// `before` is the run of the same pipeline that began last before this one, if there is one: { id, started }.
export function candidates(run, nodes, about, before) {
  const calls = callsOf(nodes);
  const nth = calls.filter((node) => node.step === about.step).findIndex((node) => node.id === about.id);
  const earlier = before ? [{ key: `earlier ${before.id}`, label: `same call, run of ${clock(before.started)}`, query: { run: before.id, step: about.step, nth } }] : [];
  const others = calls.filter((node) => node.id !== about.id && node.end !== null);
  return [...earlier, ...others.map((node) => ({ key: node.id, label: [node.step, node.name, clock(node.start)].filter(Boolean).join(" · "), node, query: { run: run.id, span: node.id } }))];
}

async function fetched(what, query) {
  const answer = await fetch(`/deck/${what}?${new URLSearchParams(query)}`);
  if (answer.ok) return answer.json();
  throw new Error((await answer.text()).trim() || `the dashboard answered ${answer.status}`);
}

// The tab: a choice of the other call, and the difference. `show(shown, about)` draws it for a call.
export function comparison() {
  const choice = el("select", { "aria-label": "Compare with", "data-qd": "compare-with", onchange: () => { wanted = choice.value; load(); } });
  const tally = el("span", { class: "tally", role: "status" });
  const lines = el("div", { class: "diff", "data-qd": "diff" });
  const root = el("div", { class: "compare" }, el("div", { class: "line" }, el("label", {}, "Compare with ", choice), tally), lines);
  let wanted = "";
  let current = { key: "", list: [] };
  let turn = 0;
  let plain = "";
  let before = { of: "" }; // the run before the one shown: { of, found, problem, known }
  let asked = [];

  async function lookBack(run) {
    const mine = before = { of: run.id, found: null, problem: "", known: false };
    current = { key: "", list: [] };
    say("Looking for the run before …");
    try {
      if (run.name) mine.found = await fetched("earlier", { run: run.id, pipeline: run.name, before: Math.ceil(run.started) });
    } catch (problem) {
      mine.problem = `The run before is not known: ${problem.message}`;
    }
    mine.known = true;
    if (mine === before) show(...asked);
  }

  function show(shown, about) {
    const { run, nodes } = state.detail;
    asked = [shown, about];
    if (before.of !== run.id) lookBack(run);
    if (!before.known) return root;
    const list = candidates(run, nodes, about, before.found);
    const key = [shown.id, shown.texts.output?.length, ...list.map((each) => each.key)].join(" ");
    if (key === current.key) return root;
    current = { key, list, shown, about };
    choice.replaceChildren(...list.map((each) => el("option", { value: each.key }, each.label)));
    if (!list.some((each) => each.key === wanted)) wanted = list[0]?.key ?? "";
    choice.value = wanted;
    choice.parentElement.hidden = !list.length;
    load();
    return root;
  }

  async function load() {
    const mine = (turn += 1);
    const other = current.list.find((each) => each.key === wanted);
    text(tally, "");
    if (!other) return say(before.problem || "There is no other call to compare with: neither in this run nor in one of its pipeline within 60 days before.");
    say("Reading the other call …");
    try {
      const found = await fetched("span", other.query);
      if (mine === turn) draw(found, other);
    } catch (problem) {
      if (mine === turn) say(problem.message);
    }
  }

  function say(words) {
    plain = "";
    lines.replaceChildren(el("p", { class: "hush" }, words));
  }

  function draw(found, other) {
    const all = lineDiff(plainText(messages(found.texts)), plainText(messages(current.shown.texts)));
    const [gone, added] = ["gone", "new"].map((kind) => all.filter((line) => line.kind === kind).length);
    const { node } = other;
    const use = node && current.about.end ? `tokens ${count(node.tokens_in + node.tokens_out)} → ${count(current.about.tokens_in + current.about.tokens_out)}, ${duration(node.end - node.start)} → ${duration(current.about.end - current.about.start)}, ${money(node.cost)} → ${money(current.about.cost)}` : "";
    text(tally, [gone || added ? `−${gone} +${added} lines` : "no difference", use].filter(Boolean).join(" · "));
    plain = all.map((line) => SIGNS[line.kind].replace("−", "-") + line.text).join("\n");
    lines.replaceChildren(...hunks(all).map((line) => line.kind === "skipped" ? el("p", { class: "skipped" }, `${line.count} equal ${line.count === 1 ? "line" : "lines"}`) : el("p", { "data-line": line.kind }, el("b", { "aria-label": { gone: "removed", new: "added" }[line.kind] }, SIGNS[line.kind]), el("span", {}, line.text || " "))));
  }

  return { show, plain: () => plain };
}

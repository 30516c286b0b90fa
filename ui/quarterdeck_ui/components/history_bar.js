// The fields of a search in the history of runs.
import { attr, el, icon } from "./dom.js";
import { between } from "./scope.js";
import { on, rescope, state } from "./store.js";
import { STATUSES } from "./history_store.js";

const TYPING_MS = 300;

const local = (ms) => { if (ms === null) return ""; const date = new Date(ms); return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16); };

export function historyBar(history) {
  let typed = 0;
  const later = (change) => { clearTimeout(typed); typed = setTimeout(() => history.search(change), TYPING_MS); };
  const inputs = [];
  const field = (name, label, more = {}) => {
    const numeric = name.includes("_");
    const input = el("input", { class: "field", type: numeric ? "number" : "search", ...(numeric ? { min: "0", step: "any" } : {}), placeholder: more.placeholder ?? label, "aria-label": label, "data-search": name, spellcheck: "false", autocomplete: "off", oninput: () => {
      later({ [name]: numeric ? (input.value === "" ? null : Number(input.value)) : input.value });
    }, list: more.list });
    inputs.push([input, name]);
    return input;
  };
  const known = (id, values) => el("datalist", { id }, ...values);
  const pipelines = known("qd-pipelines", []);
  const models = known("qd-models", []);
  const statuses = el("div", { class: "statuses", role: "group", "aria-label": "Status" }, ...STATUSES.map((name) => el("button", { type: "button", "data-status": name, "data-search-status": name, title: name, onclick: () => {
    const now = new Set(history.state.search.statuses);
    now.delete(name) || now.add(name);
    history.search({ statuses: STATUSES.filter((each) => now.has(each)) });
    press();
  } }, icon(name, 11), el("span", {}, name))));
  const date = (end, label) => {
    const input = el("input", { class: "field date", type: "datetime-local", "aria-label": label, title: label, "data-search": end, onchange: () => {
      const ms = input.value ? new Date(input.value).getTime() : null;
      const { from, to } = state.range;
      const [since, until] = end === "from" ? [ms, to] : [from, ms];
      rescope({ range: since === null && until === null ? { name: "", from: null, to: null } : between(since, until) });
    } });
    return input;
  };
  const [from, to] = [date("from", "Begun after"), date("to", "Begun before")];
  const pair = (label, ...children) => el("span", { class: "pair" }, el("span", { class: "label" }, label), ...children);
  const root = el(
    "div",
    { class: "history", role: "search", "aria-label": "Search the history of runs", hidden: true },
    el("label", { class: "searchbox wide" }, icon("search", 12), field("text", "Search all runs", { placeholder: "Words: id, error, pipeline, service …" })),
    field("pipeline", "Pipeline", { list: "qd-pipelines" }), field("model", "Model", { list: "qd-models" }),
    statuses,
    pair("Cost $", field("cost_from", "Cost at least, USD", { placeholder: "min" }), field("cost_to", "Cost at most, USD", { placeholder: "max" })),
    pair("Seconds", field("seconds_from", "Seconds at least", { placeholder: "min" }), field("seconds_to", "Seconds at most", { placeholder: "max" })),
    pair("Begun", from, to),
    el("button", { type: "button", class: "tiny", onclick: () => { history.clear(); fill(); press(); } }, "Clear"),
    pipelines, models,
  );

  function fill() {
    for (const [input, name] of inputs) input.value = history.state.search[name] ?? "";
  }

  function press() {
    for (const button of statuses.children) attr(button, "aria-pressed", String(history.state.search.statuses.includes(button.dataset.searchStatus)));
  }

  function dates() {
    from.value = local(state.range.from);
    to.value = local(state.range.to);
  }

  function suggest() {
    const names = new Set();
    const used = new Set();
    for (const run of state.runs.values()) { names.add(run.name); run.models.forEach((model) => used.add(model)); }
    for (const [list, values] of [[pipelines, names], [models, used]]) if (list.children.length !== values.size) list.replaceChildren(...[...values].sort().map((value) => el("option", { value })));
  }

  const off = on("scope", dates);
  fill();
  press();
  dates();
  return {
    root,
    show(yes) { root.hidden = !yes; if (yes) suggest(); },
    focus() { inputs[0][0].focus(); inputs[0][0].select(); },
    fill,
    stop: () => { clearTimeout(typed); off(); },
  };
}

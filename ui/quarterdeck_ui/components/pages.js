// What the tabs of the inspector show besides the conversation: each gives { nodes, plain } for the screen and for copying.
import { el } from "./dom.js";
import { OPEN, count, duration, moment, money, percent, seconds } from "./format.js";
import { asJson, code, prose } from "./highlight.js";
import { messages, roleOf } from "./messages.js";
import { attempts, family, flat } from "./spans.js";
import { now } from "./store.js";

const SOURCES = { static: "written in the template", file: "from a file", previous_response: "from an earlier answer", variable: "from a variable" };
const kindName = (kind) => kind.replaceAll("_", " ");

export const nothing = (words) => ({ nodes: [el("p", { class: "hush" }, words)], plain: "" });

export function content(value) {
  if (!value) return nothing("Nothing was captured for this span.");
  const body = el("div", { class: "prose" });
  let source = value;
  if (/^".*"$/s.test(value.trim())) try { source = JSON.parse(value); } catch { source = value; }
  prose(body, source);
  return { nodes: [body], plain: source };
}

export function template(texts) {
  const parts = asJson(texts.parts);
  if (!Array.isArray(parts)) return { nodes: [el("pre", { class: "code" }, code(texts.template ?? ""))], plain: texts.template ?? "" };
  const kinds = [...new Set(parts.map((part) => part.kind))];
  const legend = el("p", { class: "legend" }, ...kinds.map((kind) => el("span", { "data-source": kind, title: SOURCES[kind] ?? "" }, kindName(kind))));
  const body = el("div", { class: "template" }, ...parts.map((part) => el("span", { "data-source": part.kind, title: [SOURCES[part.kind], part.source].filter(Boolean).join(": ") }, part.text)));
  return { nodes: [legend, body], plain: parts.map((part) => part.text).join("") };
}

export function variables(value) {
  const known = asJson(value);
  if (!known || Array.isArray(known)) return content(value);
  if (!Object.keys(known).length) return nothing("This prompt has no variables; the tab Template shows what it is made of.");
  const rows = Object.entries(known).map(([name, each]) => {
    const body = el("dd", { class: "prose" });
    prose(body, typeof each === "string" ? each : JSON.stringify(each, null, 2));
    return el("div", {}, el("dt", {}, name), body);
  });
  return { nodes: [el("dl", { class: "variables" }, ...rows)], plain: JSON.stringify(known, null, 2) };
}

const facts = (list, name = "usage") => el("dl", { class: name }, ...list.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));
const asLines = (list) => list.map(([label, value]) => `${label}: ${value}`).join("\n");

// Tokens by kind: what a call read and wrote, whatever of it is known.
export function kinds(shown, about) {
  const known = { input: about?.tokens_in, output: about?.tokens_out, cache_read: about?.cache_read };
  const n = (name) => Number(shown.usage[name] ?? known[name] ?? 0);
  const fresh = Math.max(0, n("input") - n("cache_read") - n("cache_write"));
  const answer = Math.max(0, n("output") - n("reasoning"));
  return {
    input: { total: n("input"), parts: [["fresh", fresh], ["read from cache", n("cache_read")], ["written to cache", n("cache_write")]].filter(([, value]) => value) },
    output: { total: n("output"), parts: [["answer", answer], ["reasoning", n("reasoning")]].filter(([, value]) => value) },
  };
}

// The parts of the prompt, with their share of its length: providers count tokens of the whole prompt only.
export function shares(texts) {
  const parts = asJson(texts.parts);
  const system = messages({ system: texts.system });
  const list = Array.isArray(parts)
    ? [...system.map((each) => ["system", "", each.body]), ...parts.map((part) => [kindName(part.kind), part.source ?? "", part.text ?? ""])]
    : messages({ system: texts.system, input: texts.input }).filter((each) => !each.medium).map((each) => [roleOf(each).toLowerCase(), each.label ?? "", each.body]);
  const whole = list.reduce((sum, [, , body]) => sum + body.length, 0);
  const found = new Map();
  for (const [kind, source, body] of list) found.set(`${kind}\n${source}`, (found.get(`${kind}\n${source}`) ?? 0) + body.length);
  return [...found].map(([key, length]) => [...key.split("\n"), whole ? length / whole : 0]).sort((a, b) => b[2] - a[2]);
}

function stack(name, { total, parts }) {
  const bar = el("div", { class: "stack", "aria-hidden": "true" }, ...parts.map(([kind, value]) => el("i", { "data-kind": kind, style: `width:${(value / total) * 100}%` })));
  const legend = el("p", { class: "kinds" }, ...parts.map(([kind, value]) => el("span", { "data-kind": kind }, `${kind} ${value.toLocaleString("en-US")} `, el("em", {}, percent(value / total)))));
  return el("section", { class: "kind" }, el("h3", {}, name, el("b", {}, total.toLocaleString("en-US"))), bar, legend);
}

export function tokens(shown, about) {
  const use = kinds(shown, about);
  const cached = use.input.parts.find(([kind]) => kind === "read from cache")?.[1] ?? 0;
  const all = use.input.total + use.output.total;
  const ms = about?.end ? about.end - about.start : null;
  const speed = ms && use.output.total ? use.output.total / (ms / 1000 - (about.first_chunk ?? 0)) : 0;
  const costs = about?.cost ?? null;
  const list = [
    ["Cost", costs === null ? (shown.live ? "after the answer" : "unknown price") : money(costs)],
    ["Cost of 1,000 tokens", costs && all ? money((costs / all) * 1000) : ""],
    ["Cache share of the input", use.input.total ? percent(cached / use.input.total) : ""],
    ["Duration", ms ? seconds(ms / 1000) : ""], ["Time to first content", about?.first_chunk ? seconds(about.first_chunk) : ""],
    ["Output speed", speed > 0 && speed < 1e5 ? `${speed.toFixed(0)} tokens/s` : ""],
    ["Finish", shown.finish.replace(/[[\]"]/g, "")],
  ].filter(([, value]) => value);
  const parts = shares(shown.texts);
  const table = parts.length && use.input.total ? [el("section", { class: "kind" }, el("h3", {}, "Input by part", el("small", {}, "estimated by length")), el("table", { class: "shares" }, el("tbody", {}, ...parts.map(([kind, source, share]) => el("tr", {}, el("th", { scope: "row", "data-source": kind.replaceAll(" ", "_") }, kind), el("td", { class: "source" }, source), el("td", { class: "num" }, `~${count(share * use.input.total)}`), el("td", { class: "num" }, percent(share)))))))] : [];
  const both = [["Input tokens", use.input], ["Output tokens", use.output]];
  const plain = [...both.flatMap(([name, { total, parts: each }]) => [[name, total], ...each.map(([kind, value]) => [`  ${kind}`, value])]), ...list];
  return { nodes: [...both.filter(([, { total }]) => total).map(([name, each]) => stack(name, each)), facts(list), ...table], plain: asLines(plain) };
}

// Facts of a span of any kind; `detail` is the run around it.
export function about(shown, node, detail) {
  if (!node) return [];
  const inside = flat(family(detail.nodes));
  const at = inside.findIndex((row) => row.node.id === node.id);
  const within = at < 0 ? [...detail.nodes.values()] : inside.slice(at + 1, at + 1 + inside[at].inside).map((row) => row.node);
  const those = (kind) => within.filter((each) => each.kind === kind);
  const tried = attempts(detail.nodes).get(node.id);
  const all = node.tokens_in + node.tokens_out;
  const open = node.end === null && OPEN.has(detail.run?.status);
  return [
    ["Kind", node.kind], ["Status", node.status], ["Attempt", tried ? `${tried.attempt} of ${tried.of}` : ""],
    ["Started", moment(node.start, now())], ["Duration", open ? "still running" : node.end ? duration(node.end - node.start) : ""],
    ["Provider", node.provider || [...new Set(those("call").map((each) => each.provider))].filter(Boolean).join(", ")],
    ["Model", node.model || [...new Set(those("call").map((each) => each.model))].filter(Boolean).join(", ")],
    ["Tokens", all ? `${node.tokens_in.toLocaleString("en-US")} in, ${node.tokens_out.toLocaleString("en-US")} out` : ""],
    ["Token budget", node.budget ? `${node.budget.toLocaleString("en-US")}, ${percent(all / node.budget)} used${all > node.budget ? ": over budget" : all >= node.budget * 0.8 ? ": close to it" : ""}` : ""],
    ["Cost", all ? (node.cost === null ? "unknown price" : money(node.cost)) : ""],
    ["Model calls inside", those("call").length || ""],
    ["Tool calls inside", those("tool").map((each) => each.name).join(", ")],
    ["Failed inside", within.filter((each) => each.status === "failed").length || ""],
    ...Object.entries(shown.parameters),
    ["Error", shown.error], ["Span id", node.id],
  ].filter(([, value]) => value !== "" && value !== undefined).map(([label, value]) => [label, String(value)]);
}

export function details(shown, node, detail) {
  const list = about(shown, node, detail);
  const raw = Object.entries(shown.attributes ?? {}).sort();
  const rows = raw.length ? [el("h3", { class: "raw" }, "Attributes"), facts(raw, "raw")] : [];
  return { nodes: [facts(list), ...rows], plain: [asLines(list), asLines(raw)].filter(Boolean).join("\n\n") };
}

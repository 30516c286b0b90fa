// What can be written where the cursor is: keys and values by the schema, names in expressions.
import { startCompletion } from "@codemirror/autocomplete";
import { samePath, scan } from "./scan.js";
import { schemaOf } from "./schema.js";

const OPEN = /\{\{[^{}]*$/;
const VALUE = /^["']?([\w.-]+)["']?:\s+(["']?)(.*)$/;
const EXPRESSIONS = new Set(["condition", "if"]);
const STEP_NAMES = new Set(["step", "data_source", "over", "input_source", "right_source"]);
const MODELS = new Set(["model", "gemini_model", "fallback_model"]);
const STATE = new Set(["state", "variables", "global_vars"]);

// Names that the file and the runner's last look at it give.
function known(entries, told, line, path) {
  const under = (name) => entries.filter((each) => each.path.at(-1) === name).map((each) => each.key);
  const steps = entries.filter((each) => each.key === "name" && each.path.at(-2) === "steps");
  const isDone = (each) => each.line < line && !each.path.every((name, index) => name === path[index]);
  const later = new Set(steps.filter((each) => !isDone(each)).map((each) => each.value));
  const listed = entries.filter((each) => ["id", "name"].includes(each.key) && each.path.at(-2) === "inputs").map((each) => each.value);
  return {
    steps: unique([...steps.filter(isDone).map((each) => each.value), ...told.steps.filter((name) => !later.has(name))]),
    inputs: unique([...under("inputs"), ...listed, ...told.inputs]),
    state: unique([...under("variables"), ...under("global_vars"), ...entries.filter((each) => each.key === "variable").map((each) => each.value)]),
    env: unique([...under("env"), ...told.env]),
    items: unique(entries.filter((each) => ["iterator", "as"].includes(each.key)).map((each) => each.value)),
  };
}

const unique = (values) => [...new Set(values.filter(Boolean))];
const option = (label, type, more = {}) => ({ label: String(label), type, ...more });

function expression(text, names, language) {
  const word = text.match(/[\w.-]*$/)[0];
  const dot = word.lastIndexOf(".");
  const [root, last] = dot < 0 ? ["", word] : [word.slice(0, dot), word.slice(dot + 1)];
  const fields = language.fields ?? {};
  const lists = { steps: names.steps, inputs: names.inputs, env: names.env, ...Object.fromEntries([...STATE].map((name) => [name, names.state])) };
  if (root) return { last, options: (lists[root] ?? fields[root] ?? []).map((name) => option(name, "variable")) };
  const holds = (name) => name in lists || fields[name]?.length;
  return {
    last,
    options: [
      ...names.steps.map((name) => option(name, "variable", { detail: "step", boost: 2 })),
      ...names.items.map((name) => option(name, "variable", { detail: "loop" })),
      ...Object.keys(fields).map((name) => option(name, "namespace", holds(name) ? { apply: `${name}.`, boost: 1 } : {})),
      ...(language.functions ?? []).map((name) => option(name, "function", { apply: `${name}(` })),
    ],
  };
}

function keyOption(name, kind, column) {
  const inside = `\n${" ".repeat(column + 2)}`;
  const text = `${name}:${kind.isPlain ? " " : kind.isList ? `${inside}- ` : inside}`;
  const apply = (view, _completion, from, to) => {
    view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
    if (kind.values.length) startCompletion(view);
  };
  return option(name, "property", { apply, info: kind.about || undefined, detail: kind.isIdle ? "no effect" : undefined, boost: kind.isIdle ? -50 : 0 });
}

function keys(walker, place, siblings) {
  const taken = siblings(place.path);
  const options = new Map();
  for (const map of walker.at(place.path, siblings)) {
    for (const [name, schema] of Object.entries(map.properties ?? {})) {
      if (!taken.has(name)) options.set(name, [...(options.get(name) ?? []), schema]);
    }
  }
  const plain = walker.kind(walker.at(place.path, siblings)).values.map((value) => option(value, "enum"));
  return [...[...options].map(([name, schemas]) => keyOption(name, walker.kind(schemas), place.column)), ...(place.path.length ? plain : [])];
}

function values(walker, key, place, siblings, names, language) {
  const found = walker.kind(walker.at([...place.path, key], siblings)).values.map((value) => option(value, "enum"));
  if (MODELS.has(key)) found.push(...(language.models ?? []).map((model) => option(model.name, "constant", { detail: model.provider })));
  if (STEP_NAMES.has(key)) found.push(...[...names.steps, ...(key === "step" ? [] : names.state)].map((name) => option(name, "variable")));
  return found;
}

// `language()` gives what the runner says of its language, or a promise of it; `told()` the names in the last valid text.
export function completions(language, told) {
  return async (context) => {
    const said = await language();
    const { state, pos, explicit } = context;
    const line = state.doc.lineAt(pos);
    const before = line.text.slice(0, pos - line.from);
    const { entries, place } = scan(state.doc, { line: line.number, column: before.length });
    const names = known(entries, told(), line.number, place?.path ?? []);
    const offer = (word, options, validFor = /^[\w-]*$/) => (options.length ? { from: pos - word.length, options, validFor } : null);
    if (OPEN.test(before)) {
      const { last, options } = expression(before.match(OPEN)[0].slice(2), names, said);
      return offer(last, options);
    }
    if (!place || place.isText || !said.json_schema) return null;
    const walker = schemaOf(rooted(said.json_schema, entries));
    const siblings = (path) => new Map(entries.filter((each) => each.line !== line.number && samePath(each.path, path)).map((each) => [each.key, each.value]));
    if (/^[\w-]*$/.test(place.rest)) return place.rest || explicit ? offer(place.rest, keys(walker, place, siblings)) : null;
    const [, key, , written] = place.rest.match(VALUE) ?? [];
    if (key === undefined) return null;
    if (EXPRESSIONS.has(key)) {
      const { last, options } = expression(written, names, said);
      return offer(last, options);
    }
    return /^[\w./-]*$/.test(written) ? offer(written, values(walker, key, place, siblings, names, said), /^[\w./-]*$/) : null;
  };
}

// A file begins with `workflow:`, or with the keys of the workflow itself.
function rooted(schema, entries) {
  const [wrapped, plain] = schema.anyOf;
  const top = entries.filter((each) => !each.path.length).map((each) => each.key);
  const anyOf = top.includes("workflow") ? [wrapped] : top.length ? [plain] : schema.anyOf;
  return { ...schema, anyOf };
}

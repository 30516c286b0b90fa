// What a YAML file holds, line by line and however broken it is: the keys, where they stand, and what they are part of.
const LEAD = /^( *)((?:- +)*(?:-$)?)(.*)$/;
const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s"'#{}[\],][^#]*?)):(?:\s+(.*))?$/;
const BLOCK = /^[|>][+-]?\d?[+-]?\s*(?:#.*)?$/;

const isBare = (line) => /^\s*(#.*)?$/.test(line);

// Put the dashes of a line on the stack of what is open; a list may stand as far left as its key.
function open(stack, dashes) {
  for (const column of dashes) {
    while (stack.length && stack.at(-1).column > column) stack.pop();
    const before = stack.at(-1);
    const index = before?.column === column && typeof before.name === "number" ? stack.pop().name + 1 : 0;
    stack.push({ column, name: index });
  }
}

// The pairs of a map that is written on one line, `{name: a, type: b}`; what is nested in it stays text.
function pairs(text) {
  if (!text.startsWith("{")) return [];
  const parts = [""];
  let depth = 0;
  let quote = "";
  for (const sign of text) {
    if (quote) { if (sign === quote) quote = ""; } else if (/["']/.test(sign)) quote = sign;
    else if (/[{[]/.test(sign)) depth += 1;
    else if (/[}\]]/.test(sign)) depth -= 1;
    if (!quote && depth === 1 && sign === ",") parts.push("");
    else if (depth > 1 || sign !== "{") parts[parts.length - 1] += sign;
    if (!depth && !quote) break;
  }
  return parts.map((part) => part.replace(/}$/, "").trim().match(KEY)).filter(Boolean);
}

const keyOf = (found) => found[1] ?? found[2] ?? found[3];

function close(stack, column) {
  while (stack.length && stack.at(-1).column >= column) stack.pop();
}

const names = (stack) => stack.map((each) => each.name);

function lead(line) {
  const [, space, list, rest] = line.match(LEAD);
  const dashes = [...list.matchAll(/-/g)].map((each) => space.length + each.index);
  return { dashes, column: space.length + list.length, rest };
}

// Every key of a document: { line, column, key, value, path }, and the same for where a cursor stands, if one is given.
export function scan(doc, at = null) {
  const entries = [];
  const stack = [];
  let block = -1; // column of what holds a text of several lines
  let place = null;
  let number = 0;
  for (const text of doc.iterLines()) {
    number += 1;
    const isHere = at?.line === number;
    const indent = text.search(/\S/);
    if (block >= 0 && (indent < 0 || indent > block)) {
      if (isHere) place = { isText: indent >= 0 || at.column > block, path: names(stack), rest: "" };
      if (indent >= 0 || !isHere || at.column > block) continue;
    }
    if (indent >= 0) block = -1;
    if (isHere) place = here(stack, text, at.column);
    if (isBare(text)) continue;
    const { dashes, column, rest } = lead(text);
    open(stack, dashes);
    const add = (pair, path) => entries.push({ line: number, column, key: keyOf(pair), value: bare((pair[4] ?? "").replace(/\s+#.*$/, "").trim()), path });
    const inline = pairs(rest);
    const found = inline.length ? null : rest.match(KEY);
    for (const pair of inline) add(pair, names(stack));
    if (!found) {
      if (BLOCK.test(rest)) block = dashes.at(-1) ?? column - 1;
      continue;
    }
    close(stack, column);
    const value = found[4] ?? "";
    add(found, names(stack));
    stack.push({ column, name: keyOf(found) });
    for (const pair of pairs(value)) add(pair, names(stack));
    if (BLOCK.test(value)) block = column;
  }
  return { entries, place };
}

// Where the cursor stands: what is open there, and what is written before it on its line.
function here(stack, text, column) {
  const before = text.slice(0, column);
  const { dashes, column: begin, rest } = lead(before);
  const own = stack.map((each) => ({ ...each }));
  open(own, dashes);
  close(own, begin);
  return { isText: false, path: names(own), rest, column: begin };
}

const bare = (value) => value.replace(/^(["'])(.*)\1$/, "$2");

export const samePath = (one, other) => one.length === other.length && one.every((name, index) => name === other[index]);

const LISTS = new Set(["steps", "parallel_tasks", "tasks"]);

// Steps and their branches in order: { line, name, type, depth }.
export function outline(entries) {
  const found = new Map();
  for (const entry of entries) {
    const [list, index] = entry.path.slice(-2);
    if (!LISTS.has(list) || typeof index !== "number") continue;
    const id = entry.path.join("/");
    const depth = entry.path.filter((name) => typeof name === "number").length - 1;
    if (!found.has(id)) found.set(id, { line: entry.line, name: "", type: "", depth });
    const step = found.get(id);
    if (entry.key === "name" || (entry.key === "id" && !step.name)) step.name = entry.value;
    if (entry.key === "type") step.type = entry.value;
  }
  return [...found.values()];
}

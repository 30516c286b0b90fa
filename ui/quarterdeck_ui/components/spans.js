// The spans of a run as a family: which rows they make, what its duration hangs on, what was tried again. Pure.

const MOST_ROWS = 200; // a run with more rows starts with its depths folded
const SAME_MOMENT_MS = 0.5; // ends and starts of one moment may differ by the clock's grain

const ordered = (a, b) => a.start - b.start || (a.id < b.id ? -1 : 1);

// Id of the span that is the run itself; empty while it is not known.
export function rootOf(nodes) {
  for (const node of nodes.values()) if (node.kind === "run" && !nodes.has(node.parent)) return node.id;
  return "";
}

// Children by parent, oldest first; under "" those without a parent here. Of a ring, the oldest counts as one of these.
export function family(nodes) {
  const children = new Map([["", []]]);
  for (const node of nodes.values()) {
    const parent = nodes.has(node.parent) ? node.parent : "";
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(node);
  }
  const reached = new Set();
  const reach = (node) => {
    for (const waiting = [node]; waiting.length; ) {
      const next = waiting.pop();
      if (reached.has(next.id)) continue;
      reached.add(next.id);
      waiting.push(...(children.get(next.id) ?? []));
    }
  };
  children.get("").forEach(reach);
  for (const node of [...nodes.values()].sort(ordered)) {
    if (reached.has(node.id)) continue;
    children.set(node.parent, children.get(node.parent).filter((each) => each !== node));
    children.get("").push(node);
    reach(node);
  }
  for (const group of children.values()) group.sort(ordered);
  return children;
}

// Every span in the order of its row, with its depth and how many are inside it; the run itself has no row.
export function flat(children) {
  const found = [];
  const waiting = [...children.get("")].reverse().map((node) => ({ node, depth: node.kind === "run" ? -1 : 0 }));
  while (waiting.length) {
    const row = waiting.pop();
    if (row.depth >= 0) found.push(row);
    for (const node of [...(children.get(row.node.id) ?? [])].reverse()) waiting.push({ node, depth: row.depth + 1 });
  }
  const open = [];
  found.forEach((row, index) => {
    while (open.length && found[open.at(-1)].depth >= row.depth) close(open.pop(), index);
    open.push(index);
  });
  while (open.length) close(open.pop(), found.length);
  return found;

  function close(at, until) {
    found[at].inside = until - at - 1;
  }
}

// The depth whose rows start folded, so that at most `most` are in the way; Infinity where all fit.
export function foldingDepth(rows, most = MOST_ROWS) {
  if (rows.length <= most) return Infinity;
  const widths = [];
  for (const { depth } of rows) widths[depth] = (widths[depth] ?? 0) + 1;
  let seen = widths[0];
  let depth = 0;
  while (seen + widths[depth + 1] <= most) seen += widths[(depth += 1)];
  return depth;
}

// The rows in sight: `isFolded(row)` hides what is inside.
export function unfolded(rows, isFolded) {
  const found = [];
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    row.folded = row.inside > 0 && isFolded(row);
    found.push(row);
    if (row.folded) index += row.inside;
  }
  return found;
}

// Ids of everything a span is inside of.
export function ancestors(nodes, id) {
  const found = new Set();
  for (let parent = nodes.get(id)?.parent; nodes.has(parent) && !found.has(parent); parent = nodes.get(parent).parent) found.add(parent);
  return found;
}

// What the duration hangs on: span id -> milliseconds in which that span itself, not one inside it, was waited for.
// Walks back from the end: before a moment, the one that was waited for is the last to have ended by then.
export function criticalPath(children, until) {
  const found = new Map();
  const waiting = children.get("").map((node) => ({ node, to: node.end ?? until }));
  while (waiting.length) {
    const { node, to } = waiting.pop();
    let cursor = to;
    let own = 0;
    const inside = (children.get(node.id) ?? []).map((child) => ({ child, end: Math.min(child.end ?? until, to) }));
    for (const { child, end } of inside.sort((a, b) => b.end - a.end || b.child.start - a.child.start)) {
      if (end > cursor + SAME_MOMENT_MS || child.start > cursor) continue;
      const last = Math.min(end, cursor);
      own += cursor - last;
      waiting.push({ node: child, to: last });
      cursor = Math.max(child.start, node.start);
    }
    found.set(node.id, own + Math.max(0, cursor - node.start));
  }
  return found;
}

// Steps that were tried again: span id -> { attempt, of }.
export function attempts(nodes) {
  const key = (node) => `${node.parent}\n${node.name}\n${node.index}`;
  const most = new Map();
  for (const node of nodes.values()) if (node.kind === "step") most.set(key(node), Math.max(node.attempt, most.get(key(node)) ?? 1));
  const found = new Map();
  for (const node of nodes.values()) if (node.kind === "step" && most.get(key(node)) > 1) found.set(node.id, { attempt: node.attempt, of: most.get(key(node)) });
  return found;
}

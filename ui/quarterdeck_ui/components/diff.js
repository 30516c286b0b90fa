// The lines that differ between two texts: the shortest way from one to the other (Myers). Pure.

const MOST_EDITS = 1500; // beyond, what differs is one block: the search costs the square of this

// [{ kind: "same" | "gone" | "new", text }]: "same" and "gone" make up the first text, "same" and "new" the second.
export function lineDiff(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const lines = (kind, list) => list.map((text) => ({ kind, text }));
  return [
    ...lines("same", a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...lines("same", a.slice(a.length - tail)),
  ];
}

function middle(a, b) {
  const trail = furthest(a, b);
  if (!trail) return [...a.map((text) => ({ kind: "gone", text })), ...b.map((text) => ({ kind: "new", text }))];
  const found = [];
  let [x, y] = [a.length, b.length];
  for (let edits = trail.length - 1; edits >= 0; edits -= 1) {
    const reach = trail[edits];
    const diagonal = x - y;
    const down = diagonal === -edits || (diagonal !== edits && at(reach, diagonal - 1) < at(reach, diagonal + 1));
    const from = down ? diagonal + 1 : diagonal - 1;
    const startX = edits ? at(reach, from) : 0;
    const startY = startX - (edits ? from : 0);
    const [turnX, turnY] = edits ? (down ? [startX, startY + 1] : [startX + 1, startY]) : [0, 0];
    while (x > turnX && y > turnY) { found.push({ kind: "same", text: a[(x -= 1)] }); y -= 1; }
    if (edits) found.push(down ? { kind: "new", text: b[startY] } : { kind: "gone", text: a[startX] });
    [x, y] = [startX, startY];
  }
  return found.reverse();
}

const at = (reach, diagonal) => reach.values[diagonal + reach.middle];

// How far each diagonal is reached before every edit; null where it takes too many.
function furthest(a, b) {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const middle = most + 1;
  const now = new Int32Array(2 * most + 3);
  const trail = [];
  for (let edits = 0; edits <= most; edits += 1) {
    const kept = edits + 1;
    trail.push({ values: now.slice(middle - kept, middle + kept + 1), middle: kept });
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down = diagonal === -edits || (diagonal !== edits && now[middle + diagonal - 1] < now[middle + diagonal + 1]);
      let x = edits ? (down ? now[middle + diagonal + 1] : now[middle + diagonal - 1] + 1) : 0;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      now[middle + diagonal] = x;
      if (x >= a.length && x - diagonal >= b.length) return trail;
    }
  }
  return null;
}

// Only what differs, with some equal lines around; { kind: "skipped", count } stands for the rest.
export function hunks(lines, around = 3) {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => { if (line.kind !== "same") near.fill(1, Math.max(0, index - around), index + around + 1); });
  const found = [];
  lines.forEach((line, index) => {
    if (near[index]) found.push(line);
    else if (found.at(-1)?.kind === "skipped") found.at(-1).count += 1;
    else found.push({ kind: "skipped", count: 1 });
  });
  return found;
}

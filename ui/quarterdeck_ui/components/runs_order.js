// Which runs the list shows and in which order (pure).
import { OPEN } from "./format.js";

export const COLUMNS = {
  status: (run) => run.status,
  name: (run) => run.name.toLowerCase(),
  progress: (run) => run.progress.value ?? -1,
  time: (run, now) => (run.ended ?? now) - run.started,
  tokens: (run) => run.tokens_in + run.tokens_out,
  cost: (run) => run.cost ?? -1,
};
const WORDS_FIRST = new Set(["status", "name"]); // ascending at first; numbers begin with the largest

// The next order when a column is pressed: its natural way, the other way, none.
export function turned(sort, column) {
  const first = { column, down: !WORDS_FIRST.has(column) };
  if (sort?.column !== column) return first;
  return sort.down === first.down ? { column, down: !first.down } : null;
}

export function readSort(text) {
  const column = (text ?? "").replace(/^-/, "");
  return column in COLUMNS ? { column, down: text.startsWith("-") } : null;
}

export const writeSort = (sort) => (sort ? `${sort.down ? "-" : ""}${sort.column}` : "");

export function sorted(runs, sort, now) {
  const newest = (a, b) => b.started - a.started || (a.id < b.id ? -1 : 1);
  if (!sort) return runs.sort(newest);
  const value = COLUMNS[sort.column];
  const way = sort.down ? -1 : 1;
  return runs.sort((a, b) => { const [x, y] = [value(a, now), value(b, now)]; return x === y ? newest(a, b) : x < y ? -way : way; });
}

export function matches(run, words) {
  if (!words.length) return true;
  const told = [run.name, run.status, run.id, run.step, run.version, run.environment, run.service, run.error, ...run.models].join(" ").toLowerCase();
  return words.every((word) => told.includes(word));
}

// Whether a run fits a search in the history: open runs may not be stored yet, so the page looks at them itself.
export function found(run, search, now) {
  const within = (value, from, to) => (from === null || value >= from) && (to === null || value <= to);
  const part = (text, wanted) => text.toLowerCase().includes(wanted.trim().toLowerCase());
  return (!search.statuses.length || search.statuses.includes(run.status))
    && matches(run, search.text.toLowerCase().split(/\s+/).filter(Boolean))
    && part(run.name, search.pipeline)
    && (!search.model || run.models.some((model) => part(model, search.model)))
    && within(run.cost ?? 0, search.cost_from, search.cost_to)
    && within(((run.ended ?? now) - run.started) / 1000, search.seconds_from, search.seconds_to);
}

// Rows of the list: open runs, then the others, each under its heading; then a line about what is older.
export function rows(runs, { sort, now, headings }) {
  const open = runs.filter((run) => OPEN.has(run.status));
  const over = runs.filter((run) => !OPEN.has(run.status));
  const part = (name, title, members) => (members.length ? [...(headings ? [{ kind: "heading", name, title, count: members.length }] : []), ...sorted(members, sort, now).map((run) => ({ kind: "run", name: run.id, run }))] : []);
  const found = headings ? [...part("open", "Active", open), ...part("over", "Recent", over)] : part("all", "", runs);
  return found.length ? [...found, { kind: "end", name: "end" }] : [];
}

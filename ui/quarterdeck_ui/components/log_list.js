// A list of any length: only the rows in sight exist. Rows are one line high, opened ones as high as they need.
import { el } from "./dom.js";

const ROW = 24;
const MARGIN = 12;

// create(line) makes a row, detail(line) what an opened row shows below its line; top() is told near the upper end.
export function logList({ create, detail, top, reading }) {
  const space = el("div", { class: "log-space" });
  const root = el("div", { class: "log-list", tabindex: "0", role: "log", "aria-label": "Log records", "aria-live": "off" }, space);
  const rows = new Map(); // line -> element
  const opened = new Map(); // line -> height of its detail
  let lines = [];
  let sticking = true;
  let drawn = false;

  // Places of the lines: those of opened rows are few, so they are added up anew.
  const heights = () => {
    const marks = [...opened].map(([line, height]) => [indexOf(line), height]).filter(([at]) => at >= 0);
    return marks.sort((a, b) => a[0] - b[0]);
  };
  const offset = (index, marks) => marks.reduce((sum, [at, height]) => sum + (at < index ? height : 0), index * ROW);
  const indexOf = (line) => {
    let low = 0;
    let high = lines.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = compare(lines[middle], line);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  };

  function firstAt(y, marks) {
    let low = 0;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offset(middle + 1, marks) <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function draw() {
    drawn = false;
    const marks = heights();
    const total = offset(lines.length, marks);
    space.style.height = `${total}px`;
    if (sticking) root.scrollTop = total;
    const from = Math.max(0, firstAt(root.scrollTop, marks) - MARGIN);
    const until = Math.min(lines.length, firstAt(root.scrollTop + root.clientHeight, marks) + MARGIN);
    const seen = new Set();
    for (let index = from; index < until; index += 1) {
      const line = lines[index];
      seen.add(line);
      let row = rows.get(line);
      if (!row) {
        row = create(line);
        rows.set(line, row);
        if (opened.has(line)) row.append(detail(line));
        space.append(row);
      }
      row.style.transform = `translateY(${offset(index, marks)}px)`;
    }
    for (const [line, row] of rows) if (!seen.has(line)) { row.remove(); rows.delete(line); }
  }

  const later = () => { if (!drawn) { drawn = true; requestAnimationFrame(draw); } };

  root.addEventListener("scroll", () => {
    const below = root.scrollHeight - root.scrollTop - root.clientHeight;
    const atEnd = below < ROW;
    if (atEnd !== sticking) { sticking = atEnd; reading(!atEnd); }
    if (root.scrollTop < 60 * ROW) top();
    later();
  }, { passive: true });
  const resized = new ResizeObserver(later);
  resized.observe(root);

  return {
    root,
    // Show these lines; `before` of them are new above what was in sight, which stays where it is.
    show(next, before = 0) {
      const keep = before && !sticking ? root.scrollTop + before * ROW : null;
      lines = next;
      if (keep !== null) { space.style.height = `${offset(lines.length, heights())}px`; root.scrollTop = keep; }
      later();
    },
    clear() {
      for (const row of rows.values()) row.remove();
      rows.clear();
      opened.clear();
      lines = [];
      sticking = true;
      later();
    },
    toggle(line) {
      const row = rows.get(line);
      if (!row) return;
      if (opened.delete(line)) row.querySelector(".log-detail")?.remove();
      else {
        const more = detail(line);
        row.append(more);
        opened.set(line, more.offsetHeight);
        if (sticking) { sticking = false; reading(true); }
      }
      row.toggleAttribute("data-open", opened.has(line));
      row.firstChild.setAttribute("aria-expanded", String(opened.has(line)));
      later();
    },
    follow() {
      sticking = true;
      reading(false);
      later();
    },
    stop: () => resized.disconnect(),
  };
}

// Times are whole nanoseconds in text of one length, so text order is time order.
export function compare(a, b) {
  if (a.key[0] !== b.key[0]) return a.key[0] < b.key[0] ? -1 : 1;
  if (a.key[1] === b.key[1]) return 0;
  return BigInt(a.key[1]) < BigInt(b.key[1]) ? -1 : 1;
}

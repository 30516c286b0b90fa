// Search in a page that goes on changing: hits are highlighted without touching its nodes, so nothing is drawn anew.
import { attr, el, icon, text } from "./dom.js";

const MOST = 2000;
const BLOCKS = "p, pre, li, dt, dd, header, article, tr, .template";
const ALL = "qd-hit";
const ONE = "qd-hit-now";

const escaped = (words) => words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// Where the words are: ranges over the text nodes, across pieces of one block but not from one block to the next.
export function hits(root, words) {
  if (!words) return [];
  const places = [];
  let whole = "";
  let last = null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const block = node.parentElement.closest(BLOCKS);
    if (last && block !== last) whole += "\u0000";
    last = block;
    places.push([whole.length, node]);
    whole += node.data;
  }
  let at = 0;
  const point = (offset, end) => {
    while (at + 1 < places.length && (end ? places[at + 1][0] < offset : places[at + 1][0] <= offset)) at += 1;
    return [places[at][1], Math.min(offset - places[at][0], places[at][1].length)];
  };
  const found = [];
  for (const match of whole.matchAll(new RegExp(escaped(words), "giu"))) {
    const range = new Range();
    range.setStart(...point(match.index, false));
    range.setEnd(...point(match.index + match[0].length, true));
    found.push(range);
    if (found.length === MOST) break;
  }
  return found;
}

// The search bar of a page; `changed` is told when it opens and closes.
export function finder(page, { changed }) {
  const tally = el("span", { class: "tally", role: "status", "data-qd": "hits" });
  const input = el("input", { type: "search", class: "filter", placeholder: "Find in this tab", "aria-label": "Find in this tab", spellcheck: "false", oninput: () => { now = 0; look(true); } });
  const move = (by, label, sign) => el("button", { type: "button", class: "act", title: label, "aria-label": label, onclick: () => step(by) }, sign);
  const bar = el("div", { class: "find", role: "search", hidden: true }, el("label", { class: "searchbox" }, icon("search", 12), input), tally, move(-1, "Previous hit (Shift+Enter)", "↑"), move(1, "Next hit (Enter)", "↓"), el("button", { type: "button", class: "act", title: "Close (Esc)", "aria-label": "Close the search", onclick: () => close() }, icon("close", 12)));
  let found = [];
  let now = 0;
  let asked = false;

  const paint = (name, ranges) => { if (globalThis.CSS?.highlights) ranges.length ? CSS.highlights.set(name, new Highlight(...ranges)) : CSS.highlights.delete(name); };

  function look(going = false) {
    asked = false;
    found = bar.hidden || page.hidden ? [] : hits(page, input.value);
    now = Math.min(now, Math.max(0, found.length - 1));
    paint(ALL, found);
    paint(ONE, found.slice(now, now + 1));
    text(tally, !input.value ? "" : found.length ? `${now + 1} of ${found.length}${found.length === MOST ? "+" : ""}` : "no hit");
    attr(bar, "data-missed", Boolean(input.value) && !found.length);
    if (going && found.length) show(found[now]);
  }

  function show(range) {
    const [place, frame] = [range.getBoundingClientRect(), page.getBoundingClientRect()];
    if (place.top < frame.top + 20 || place.bottom > frame.bottom - 20) page.scrollTop += place.top - frame.top - frame.height / 3;
  }

  function step(by) {
    if (!found.length) return;
    now = (now + by + found.length) % found.length;
    look(true);
  }

  function open() {
    bar.hidden = false;
    changed();
    look();
    input.focus();
    input.select();
  }

  function shut() {
    if (bar.hidden) return;
    bar.hidden = true;
    look();
    changed();
  }

  function close() {
    shut();
    page.focus({ preventScroll: true });
  }

  bar.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === input) step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const watcher = new MutationObserver(() => { if (!bar.hidden && !asked) { asked = true; requestAnimationFrame(() => look()); } });
  watcher.observe(page, { childList: true, characterData: true, subtree: true });
  return { bar, open, shut, active: () => !bar.hidden, stop: () => { watcher.disconnect(); paint(ALL, []); paint(ONE, []); } };
}

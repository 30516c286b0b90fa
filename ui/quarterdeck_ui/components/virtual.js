// A list of any length of which only the rows in sight exist. Nodes are kept by key; the one with the focus stays.
import { el } from "./dom.js";

const MARGIN = 10; // rows beyond the edges

// create(item) makes a node, update(node, item, index) fills it, height(item) is in pixels, key(item) names it.
export function virtualList(root, { create, update, height, key, drawn = () => {} }) {
  const space = el("div", { class: "space", role: "presentation" });
  root.append(space);
  const nodes = new Map();
  let items = [];
  let tops = [0];
  let asked = false;
  let top = 0; // where the reader is: kept, as asking makes the browser lay everything out
  let room = 0;

  const at = (y) => {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  function draw() {
    asked = false;
    const from = Math.max(0, at(top) - MARGIN);
    const until = Math.min(items.length, at(top + room) + 1 + MARGIN);
    const seen = new Set();
    const put = (index) => {
      const item = items[index];
      const name = key(item);
      seen.add(name);
      let node = nodes.get(name);
      if (!node) { node = create(item); nodes.set(name, node); }
      update(node, item, index);
      const place = `translateY(${tops[index]}px)`;
      if (node.style.transform !== place) node.style.transform = place;
      if (!node.isConnected) space.append(node);
    };
    for (let index = from; index < until; index += 1) put(index);
    for (const [name, node] of nodes) {
      if (seen.has(name)) continue;
      const index = node.matches(":focus-within") ? items.findIndex((item) => key(item) === name) : -1;
      if (index >= 0) put(index);
      else { node.remove(); nodes.delete(name); }
    }
    drawn(until === items.length);
  }

  const look = () => { top = root.scrollTop; room = root.clientHeight; };
  const later = () => { if (!asked) { asked = true; requestAnimationFrame(() => { look(); draw(); }); } };
  root.addEventListener("scroll", later, { passive: true });
  const resized = new ResizeObserver(() => { measure(); later(); });
  resized.observe(root);

  // True if the list has another height than before.
  function measure() {
    const before = tops.at(-1);
    tops = [0];
    for (const item of items) tops.push(tops.at(-1) + height(item));
    space.style.height = `${tops.at(-1)}px`;
    return tops.at(-1) !== before;
  }

  return {
    show(next) {
      items = next;
      if (measure()) look();
      draw();
    },
    redraw: later,
    nodes: () => nodes.values(),
    index: (name) => items.findIndex((item) => key(item) === name),
    item: (index) => items[index],
    // Bring a row into sight and give its node.
    reveal(index) {
      const [first, bottom] = [tops[index], tops[index + 1]];
      if (first < root.scrollTop) root.scrollTop = first;
      else if (bottom > root.scrollTop + root.clientHeight) root.scrollTop = bottom - root.clientHeight;
      look();
      draw();
      return nodes.get(key(items[index]));
    },
    stop: () => resized.disconnect(),
  };
}

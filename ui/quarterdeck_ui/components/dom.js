// Small tools over the DOM. Text always enters as text nodes, never as markup.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) if (value !== undefined && value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const PATHS = {
  running: "M8 2a6 6 0 1 0 6 6",
  pending: "M8 2.5v5.5l3.5 2M8 14A6 6 0 1 1 8 2a6 6 0 0 1 0 12",
  waiting: "M5 2h6M5 14h6M5.5 2c0 4 5 4 5 6s-5 2-5 6M10.5 2c0 4-5 4-5 6s5 2 5 6",
  paused: "M5.5 3v10M10.5 3v10",
  completed: "M3 8.5 6.5 12 13 4.5",
  failed: "M4 4l8 8M12 4l-8 8",
  cancelled: "M8 14A6 6 0 1 1 8 2a6 6 0 0 1 0 12M3.8 3.8l8.4 8.4",
  lost: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9.2 8 10M8 12.9v.1",
  skipped: "M4 3l5 5-5 5M12 3v10",
  pause: "M5.5 3v10M10.5 3v10",
  resume: "M5 3l8 5-8 5z",
  cancel: "M4 4h8v8H4z",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  history: "M8 4.5V8l2.5 1.5M3 8a5 5 0 1 0 1.6-3.7M3 2v3h3",
  live: "M8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3M4.5 11.5a5 5 0 0 1 0-7M11.5 4.5a5 5 0 0 1 0 7",
  range: "M8 4.5V8l2.5 1.5M8 14A6 6 0 1 1 8 2a6 6 0 0 1 0 12",
  play: "M5 3l8 5-8 5z",
  step: "M3 4h10M3 8h7M3 12h10",
  call: "M3 3h10v7H8l-3 3v-3H3z",
  tool: "M10 2.5a3.5 3.5 0 0 0-3.3 4.7L2.5 11.4l2.1 2.1 4.2-4.2A3.5 3.5 0 0 0 13.5 6l-2 2-2-.5-.5-2 2-2a3 3 0 0 0-1-1z",
  run: "M8 2l5 3v6l-5 3-5-3V5z",
  span: "M2 8h12M2 5v6M14 5v6",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 12A5 5 0 1 1 7 2a5 5 0 0 1 0 10M10.6 10.6 14 14",
  more: "M8 3.2v.1M8 8v.1M8 12.8v.1",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3",
  warn: "M8 2.2 14.5 13.5h-13zM8 6.5v3.4M8 11.9v.1",
  pipeline: "M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM4.5 6.5V11h5",
  bug: "M5.5 6a2.5 2.5 0 0 1 5 0v4a2.5 2.5 0 0 1-5 0zM8 6v6.5M2.5 8h3M10.5 8h3M3 4l2.6 1.6M13 4l-2.6 1.6M3 12.5l2.6-2M13 12.5l-2.6-2",
  analytics: "M2.5 13.5h11M4 11V8M7 11V4.5M10 11V7M13 11V2.5",
  bell: "M3.5 11.5h9L11.3 10V7a3.3 3.3 0 0 0-6.6 0v3zM6.8 13.8h2.4",
  pages: "M2.5 4h11M2.5 8h11M2.5 12h11",
  helm: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1v4.2M8 10.8V15M1 8h4.2M10.8 8H15M3 3l3 3M10 10l3 3M13 3l-3 3M6 10l-3 3",
};

export function icon(name, size = 14) {
  const filled = name === "resume" || name === "play" || name === "cancel";
  return svg(
    "svg",
    { viewBox: "0 0 16 16", width: size, height: size, class: `icon i-${name}`, "aria-hidden": "true" },
    svg("path", {
      d: PATHS[name] ?? PATHS.span,
      fill: filled ? "currentColor" : "none",
      stroke: "currentColor",
      "stroke-width": name === "helm" ? 1.1 : 1.6,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }),
  );
}

export function text(node, value) {
  const wanted = value ?? "";
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function attr(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Keep one child per item: nodes are reused by key and moved only when the order changed.
export function keyed(parent, items, keyOf, create, update) {
  const known = (parent.__keyed ??= new Map());
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    seen.add(key);
    let node = known.get(key);
    if (!node) known.set(key, (node = create(item)));
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const [key, node] of known) {
    if (seen.has(key)) continue;
    node.remove();
    known.delete(key);
  }
}

export async function writeClipboard(value) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    const area = el("textarea", { style: "position:fixed;opacity:0" });
    area.value = value;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export async function copy(value, button) {
  await writeClipboard(value);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
}

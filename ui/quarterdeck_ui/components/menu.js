// Menus at the pointer or at a button: arrows, Home, End, first letters, Enter, Esc. Shift+right-click gives the browser's own.
import { el, icon, text } from "./dom.js";

const PRESS_MS = 550;
const STAY_PX = 10;
const CLICK_MS = 400; // until then the click of a finger has come

let shut = () => {};

// Open a menu below a button, or at {x, y}; items are {label, act, checked, disabled, why}. Only one is open.
export function openMenu(root, at, items, { label = "Actions", from = "right" } = {}) {
  shut();
  const back = root.getRootNode().activeElement;
  const rows = items.map((item) => el(
    "button",
    { type: "button", role: item.checked === undefined ? "menuitem" : "menuitemradio", "aria-checked": item.checked === undefined ? null : String(item.checked), "aria-disabled": item.disabled ? "true" : null, title: item.disabled ? item.why : null, tabindex: "-1", onclick: () => { if (item.disabled) return; close(); item.act(); } },
    el("span", { class: "tick-mark" }, item.checked ? icon("completed", 11) : ""), el("span", {}, item.label),
  ));
  const menu = el("div", { class: "popup", role: "menu", "aria-label": label }, ...rows);
  root.append(menu);
  place(menu, root, at, from);
  rows[Math.max(0, items.findIndex((item) => item.checked))]?.focus({ preventScroll: true });

  function close({ keepFocus = false } = {}) {
    menu.remove();
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("blur", close);
    shut = () => {};
    if (!keepFocus && back?.isConnected) back.focus({ preventScroll: true });
  }

  menu.addEventListener("keydown", (event) => {
    const here = rows.indexOf(event.target.closest("button"));
    const letter = event.key.length === 1 ? event.key.toLowerCase() : "";
    const byLetter = letter.trim() ? [...rows.keys()].map((n) => (here + 1 + n) % rows.length).find((n) => items[n].label.toLowerCase().startsWith(letter)) : undefined;
    const next = { ArrowDown: (here + 1) % rows.length, ArrowUp: (here - 1 + rows.length) % rows.length, Home: 0, End: rows.length - 1 }[event.key] ?? byLetter;
    if (next !== undefined) rows[next].focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  });
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  const outside = (event) => { if (!event.composedPath().includes(menu)) close({ keepFocus: true }); };
  document.addEventListener("pointerdown", outside, true);
  window.addEventListener("blur", close);
  shut = () => close({ keepFocus: true });
}

export const closeMenu = () => shut();

function place(menu, root, at, from) {
  const frame = root.getBoundingClientRect();
  const button = at.getBoundingClientRect?.();
  const [x, y] = button ? [from === "left" ? button.left : button.right - menu.offsetWidth, button.bottom + 3] : [at.x, at.y];
  const fit = (value, size, room) => Math.max(6, Math.min(value, room - size - 6));
  menu.style.left = `${fit(x - frame.left, menu.offsetWidth, frame.width)}px`;
  menu.style.top = `${fit(y - frame.top, menu.offsetHeight, frame.height)}px`;
}

// Give what `pick` finds under a right-click (or the menu key, or a long press) a menu; pick returns the element and its items.
export function contextMenu(root, area, pick, label) {
  const open = (target, at) => {
    const marked = (area.getRootNode().getSelection?.() ?? document.getSelection())?.type === "Range";
    const found = marked ? null : pick(target);
    if (!found?.items.length) return false;
    const box = found.element.getBoundingClientRect();
    openMenu(root, at ?? { x: box.left + 20, y: box.bottom }, found.items, { label });
    return true;
  };
  const press = longPress(area, open);
  area.addEventListener("contextmenu", (event) => {
    if (event.shiftKey || event.target.closest("input, textarea, a")) return;
    const keyed = event.clientX === 0 && event.clientY === 0;
    if (press.opened() || open(event.target, keyed ? null : { x: event.clientX, y: event.clientY })) { press.open(); event.preventDefault(); }
  });
}

// Some browsers make a contextmenu event of a finger that stays, others do not: whichever comes first opens the menu.
// What the finger does when it leaves is not meant for what lies below.
function longPress(area, open) {
  let timer = 0;
  let begun = null; // where the finger came down
  let opened = false;
  const stop = () => { clearTimeout(timer); begun = null; };
  area.addEventListener("pointerdown", (event) => {
    stop();
    opened = false;
    const { target } = event;
    if (event.pointerType === "mouse" || !event.isPrimary || target.closest("input, textarea, a, button, .prose")) return;
    begun = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => { opened = open(target, begun); }, PRESS_MS);
  });
  area.addEventListener("pointermove", (event) => { if (begun && Math.hypot(event.clientX - begun.x, event.clientY - begun.y) > STAY_PX) stop(); });
  const swallow = (event) => {
    stop();
    if (!opened) return;
    event.preventDefault();
    event.stopPropagation();
    setTimeout(() => { opened = false; }, CLICK_MS);
  };
  for (const end of ["pointerup", "click"]) area.addEventListener(end, swallow, true);
  area.addEventListener("pointercancel", stop);
  return { opened: () => opened, open() { opened = Boolean(begun) || opened; stop(); } };
}

// A visible button for the same menu: for touch, and for those who do not look for a right-click.
export function moreButton(root, items, label) {
  const button = el("button", { type: "button", class: "act more", "aria-label": label, title: label, "aria-haspopup": "menu", onclick: () => openMenu(root, button, items(), { label }) }, icon("more", 14));
  return button;
}

// Say in a corner, and to screen readers, what became of an action.
export function saying(root) {
  const node = el("div", { class: "saying", role: "status", "data-qd": "saying" });
  root.append(node);
  let timer = 0;
  return (words) => {
    text(node, words);
    clearTimeout(timer);
    timer = setTimeout(() => text(node, ""), 4000);
  };
}

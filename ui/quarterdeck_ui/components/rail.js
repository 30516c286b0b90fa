// The way between the pages: a rail on the left, on a phone a button with a menu.
import { el, icon } from "./dom.js";
import { openMenu } from "./menu.js";

const PAGES = {
  deck: ["Deck", "helm", "/"],
  logs: ["Logs", "step", "/?view=logs"],
  pipelines: ["Pipelines", "pipeline", "/?view=pipelines"],
  debugger: ["Debugger", "bug", "/?view=debugger"],
  analytics: ["Analytics", "analytics", "/?view=analytics"],
  errors: ["Errors", "warn", "/?view=errors"],
  alerts: ["Alerts", "bell", "/?view=alerts"],
};

// What all pages limit themselves to stays when the page changes.
const SCOPE = ["range", "from", "to", "env", "service"];

function address(path) {
  const target = new URL(path, window.location.origin);
  const query = new URLSearchParams(window.location.search);
  for (const name of SCOPE) if (query.has(name)) target.searchParams.set(name, query.get(name));
  return target.pathname + target.search;
}

export function rail(current) {
  const go = (path) => (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // another tab or window
    event.preventDefault();
    window.location.assign(address(path));
  };
  return el("nav", { class: "rail", "aria-label": "Pages" }, ...Object.entries(PAGES).map(([name, [title, sign, path]]) =>
    el("a", { href: path, "aria-current": name === current ? "page" : null, "data-page": name, onclick: go(path) }, icon(sign, 18), el("span", {}, title))));
}

// The same on a phone.
export function pagesButton(root, current) {
  const items = () => Object.entries(PAGES).map(([name, [label, , path]]) => ({ label, checked: name === current, act: () => window.location.assign(address(path)) }));
  const button = el("button", { type: "button", class: "act pages-button", "aria-label": "Pages", "aria-haspopup": "menu", onclick: () => openMenu(root, button, items(), { label: "Pages", from: "left" }) }, icon("pages", 16));
  return button;
}

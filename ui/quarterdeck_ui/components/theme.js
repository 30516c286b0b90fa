// Dark, light, or as the system has it: the choice is kept in this browser.
import { attr, el, icon } from "./dom.js";
import { openMenu } from "./menu.js";

const KEY = "quarterdeck.theme";
const CHOICES = { dark: "Dark", light: "Light", system: "As the system" };
const bright = matchMedia("(prefers-color-scheme: light)");

function chosen() {
  try { return localStorage.getItem(KEY) in CHOICES ? localStorage.getItem(KEY) : "dark"; } catch { return "dark"; } // storage may be forbidden
}

// Give `root` the theme, and a button that changes it; `changed` is told when a reader has chosen another one.
export function theme(root, changed = () => {}) {
  let choice = chosen();
  const button = el("button", { type: "button", class: "act theme", "data-qd": "theme", "aria-haspopup": "menu", onclick: () => openMenu(root, button, Object.entries(CHOICES).map(([name, label]) => ({ label, checked: name === choice, act: () => choose(name) })), { label: "Theme" }) });

  function apply() {
    const name = choice === "system" ? (bright.matches ? "light" : "dark") : choice;
    for (const node of [root, document.documentElement]) attr(node, node === root ? "data-theme" : "data-qd-theme", name);
    if (button.dataset.shows !== name) { button.dataset.shows = name; button.replaceChildren(icon(name === "light" ? "sun" : "moon", 14)); }
    const said = `Theme: ${CHOICES[choice].toLowerCase()}`;
    attr(button, "aria-label", said);
    attr(button, "title", said);
  }

  function choose(name) {
    choice = name;
    try { localStorage.setItem(KEY, name); } catch { /* it then holds for this page */ }
    apply();
    changed();
  }

  const stored = (event) => { if (event.key === KEY) { choice = chosen(); apply(); } };
  bright.addEventListener("change", apply);
  window.addEventListener("storage", stored);
  apply();
  return { button, stop: () => { bright.removeEventListener("change", apply); window.removeEventListener("storage", stored); } };
}

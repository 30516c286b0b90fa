// Saves what the inspector shows: Markdown and JSON are made here, OTLP comes from the collector with the whole run.
import { el } from "./dom.js";

function download(name, type, words) {
  const address = URL.createObjectURL(new Blob([words], { type }));
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// A menu; `make` gives { title, run, markdown, json } of what is shown.
export function saveMenu(make) {
  const item = (label, note, props) => el(props.href ? "a" : "button", { ...(props.href ? {} : { type: "button" }), role: "menuitem", ...props }, el("b", {}, label), el("span", {}, note));
  const save = (ending, type, field) => () => { const made = make(); download(`${made.title}.${ending}`, type, made[field]); shut(); };
  const whole = item("OTLP", "the whole run, as stored", { href: "#", download: "", "data-save": "otlp" });
  const list = el("div", { class: "menu", role: "menu", hidden: true }, item("Markdown", "to read or to paste", { "data-save": "md", onclick: save("md", "text/markdown", "markdown") }), item("JSON", "as captured", { "data-save": "json", onclick: save("json", "application/json", "json") }), whole);
  const button = el("button", { type: "button", class: "tiny", "aria-haspopup": "menu", "aria-expanded": "false", "data-qd": "save", onclick: () => (list.hidden ? show() : shut()) }, "Save");
  const root = el("div", { class: "save" }, button, list);
  const outside = (event) => { if (!event.composedPath().includes(root)) shut(); };

  function show() {
    whole.setAttribute("href", `/deck/run.otlp?${new URLSearchParams({ run: make().run })}`);
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    list.firstChild.focus();
  }

  function shut() {
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
  }

  root.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    const at = items.indexOf(event.target.closest("[role=menuitem]"));
    if (event.key === "Escape") { shut(); button.focus(); }
    else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  whole.addEventListener("click", shut);
  return { root, stop: shut };
}

// Saves what the inspector shows: Markdown and JSON are made here, OTLP comes from the collector with the whole run.
import { el, text } from "./dom.js";

function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// A menu; `make` gives { title, run, markdown, json } of what is shown.
export function saveMenu(make) {
  const item = (label, note, props) => el("button", { type: "button", role: "menuitem", ...props }, el("b", {}, label), el("span", {}, note));
  const save = (ending, type, field) => () => { const made = make(); download(`${made.title}.${ending}`, type, made[field]); shut(); };
  const problem = el("p", { class: "hush", role: "alert", hidden: true });
  const items = [
    item("Markdown", "to read or to paste", { "data-save": "md", onclick: save("md", "text/markdown", "markdown") }),
    item("JSON", "as captured", { "data-save": "json", onclick: save("json", "application/json", "json") }),
    item("OTLP", "the whole run, as stored", { "data-save": "otlp", onclick: whole }),
  ];
  const list = el("div", { class: "menu", hidden: true }, el("div", { role: "menu", "aria-label": "Save" }, ...items), problem);
  const button = el("button", { type: "button", class: "tiny", "aria-haspopup": "menu", "aria-expanded": "false", "data-qd": "save", onclick: () => (list.hidden ? show() : shut()) }, "Save");
  const root = el("div", { class: "save" }, button, list);
  const outside = (event) => { if (!event.composedPath().includes(root)) shut(); };

  async function whole() {
    const answer = await fetch(`/deck/run.otlp?${new URLSearchParams({ run: make().run })}`).catch(() => null);
    problem.hidden = Boolean(answer?.ok);
    if (!answer?.ok) return text(problem, answer ? await answer.text() : "The dashboard does not answer.");
    const name = /filename="(.+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? "run.otlp";
    download(name, answer.headers.get("content-type"), await answer.blob());
    shut();
  }

  function show() {
    problem.hidden = true;
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    items[0].focus();
  }

  function shut() {
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
  }

  root.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const at = items.indexOf(event.target.closest("[role=menuitem]"));
    if (event.key === "Escape") { shut(); button.focus(); }
    else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { root, stop: shut };
}

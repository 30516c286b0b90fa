// Dialogs over the screen: the browser keeps the focus inside and gives it back.
import { el, icon } from "./dom.js";

export function openDialog(root, title, ...content) {
  const close = el("button", { type: "button", class: "act", "aria-label": "Close", onclick: () => dialog.close() }, icon("close", 12));
  const dialog = el("dialog", { "aria-label": title }, ...(content[0]?.classList?.contains("quick") ? [] : [el("div", { class: "dialog-head" }, el("h2", {}, title), close)]), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
  root.append(dialog);
  dialog.showModal();
  return dialog;
}

export const dialogIsOpen = (root) => Boolean(root.querySelector("dialog[open], .popup"));

// What the keys do; rows are [keys, what].
export function help(root, rows) {
  if (dialogIsOpen(root)) return;
  openDialog(root, "Keyboard", el("div", { class: "dialog-body" }, el("dl", { class: "keys-list" }, ...rows.map(([keys, what]) => el("div", {}, el("dt", {}, ...keys.map((key) => el("kbd", {}, key))), el("dd", {}, what))))));
}

// What can be asked of a run and of a step beside the buttons: copies, exports, logs, raw data.
import { writeClipboard } from "./dom.js";
import { asJson } from "./highlight.js";
import { errorsOf } from "./links.js";
import { contextMenu, moreButton } from "./menu.js";
import { state } from "./store.js";

async function read(what, query) {
  const response = await fetch(`/deck/${what}.json?${new URLSearchParams(query)}`);
  const found = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(found.error ?? `the dashboard answered ${response.status}`);
  return found;
}

const written = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

// Messages as text: a conversation with its roles, or one message alone without.
export function spoken(value) {
  const list = typeof value === "string" ? asJson(value) : value;
  if (!Array.isArray(list) || !list.every((each) => each && typeof each === "object")) return value === null || value === undefined ? "" : written(value);
  const said = (part) => part.content ?? part.text ?? part.response ?? JSON.stringify(part.arguments ?? part);
  const body = (message) => (message.parts ?? [message]).map((part) => written(said(part))).join("\n");
  if (list.length === 1 || list.every((each) => !each.role)) return list.map(body).join("\n\n");
  return list.map((message) => `${message.role}:\n${body(message)}`).join("\n\n");
}

export function prompt(attributes) {
  const parts = [attributes["gen_ai.system_instructions"], attributes["gen_ai.input.messages"]].filter(Boolean);
  return parts.length ? parts.map(spoken).join("\n\n") : spoken(attributes["quarterdeck.step.input"] ?? attributes["gen_ai.tool.call.arguments"]);
}

export function response(document) {
  const { Attributes: attributes, Text: text } = document;
  return spoken(attributes["gen_ai.output.messages"] ?? attributes["quarterdeck.step.output"] ?? attributes["gen_ai.tool.call.result"]) || (text ?? "");
}

// A step stands for its newest model call, if it has one.
function telling(id) {
  const nodes = [...(state.detail?.nodes.values() ?? [])];
  const inside = (node) => { for (let at = node; at; at = state.detail.nodes.get(at.parent)) if (at.id === id) return true; return false; };
  const calls = nodes.filter((node) => node.kind === "call" && inside(node)).sort((a, b) => a.start - b.start);
  return calls.at(-1)?.id ?? id;
}

// panels are the quadrants; the menus of rows open on a right-click, those of what is on screen from a button as well.
export function deckMenus(root, panels, say) {
  const attempt = (act) => async () => { try { await act(); } catch (error) { say(`That did not work: ${error.message}`); } };
  const copied = async (value, what) => {
    if (!value) return say(`There is no ${what} here: nothing of it was captured.`);
    await writeClipboard(value);
    return say(`Copied the ${what}.`);
  };

  const ofRun = (run) => [
    { label: "Copy configuration", act: attempt(async () => { const { configuration } = await read("run", { run }); await copied(configuration && written(configuration), "configuration"); }) },
    { label: "Export results (JSON)", act: attempt(async () => { const found = await read("run", { run }); save(`quarterdeck-${found.run.name || "run"}-${run.slice(0, 8)}.json`, JSON.stringify(found, null, 2), "application/json"); say("Saved the results."); }) },
    { label: "View error", ...unless(state.runs.get(run)?.errors || state.runs.get(run)?.status === "failed"), act: () => window.location.assign(errorsOf(run)) },
    { label: "View logs", act: () => window.location.assign(`/?view=logs&run=${encodeURIComponent(run)}`) },
    { label: "Copy run id", act: attempt(() => copied(run, "run id")) },
    { label: "Copy link", act: attempt(() => copied(`${window.location.origin}/?run=${encodeURIComponent(run)}`, "link")) },
  ];
  const ofSpan = (run, span) => [
    { label: "Copy prompt", act: attempt(async () => copied(prompt((await read("span", { run, span: telling(span) })).Attributes), "prompt")) },
    { label: "Copy response", act: attempt(async () => copied(response(await read("span", { run, span: telling(span) })), "response")) },
    { label: "View error", ...unless(state.detail?.nodes.get(span)?.error), act: () => window.location.assign(errorsOf(run, span)) },
    { label: "View raw data", act: () => window.open(`/deck/span.json?${new URLSearchParams({ run, span })}`, "_blank", "noopener") },
    { label: "Copy link", act: attempt(() => copied(`${window.location.origin}/?${new URLSearchParams({ run, span })}`, "link")) },
    { label: "Open in debugger", act: () => window.location.assign(`/?${new URLSearchParams({ view: "debugger", run, span: telling(span) })}`) },
  ];

  contextMenu(root, panels.runs.root, (target) => { const row = target.closest(".run[data-run]"); return row && { element: row, items: ofRun(row.dataset.run) }; }, "Actions of the run");
  contextMenu(root, panels.timeline.root, (target) => {
    const row = target.closest("[data-span]");
    if (row) return { element: row, items: ofSpan(state.run, row.dataset.span) };
    const about = target.closest(".about");
    return about && state.run ? { element: about, items: ofRun(state.run) } : null;
  }, "Actions");
  contextMenu(root, panels.inspector.root, (target) => (state.shown ? { element: target, items: ofSpan(state.run, state.shown.id) } : null), "Actions of the step");
  panels.timeline.tools.append(moreButton(root, () => (state.run ? ofRun(state.run) : [NOTHING]), "Actions of the run"));
  panels.inspector.tools.append(moreButton(root, () => (state.shown ? ofSpan(state.run, state.shown.id) : [NOTHING]), "Actions of the step"));
}

const unless = (failed) => (failed ? {} : { disabled: true, why: "Nothing has failed here" });

const NOTHING = { label: "Nothing is selected", disabled: true, why: "Select a run first" };

export function save(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// The editor of a pipeline file. Python keeps the draft and asks the runner; this shows, completes and tells what is typed.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, selectedCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import { crosshairCursor, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, rectangularSelection } from "@codemirror/view";
import { completions } from "./complete.js";
import { attr, el } from "./dom.js";
import { look } from "./look.js";
import { side } from "./side.js";
import { adopt } from "./style.js";

const PAUSE_MS = 300; // after the last key, before the text is looked at
const mounted = new WeakMap();
let language = null; // of the runner; asked once, and again while it is away

function askLanguage() {
  language ??= fetch("/deck/language").then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status))).catch(() => { language = null; return {}; });
  return language;
}

// Drafts outlive a reload of the page, in this tab.
const drafts = {
  key: (name) => `quarterdeck.draft.${name}`,
  get(name) { try { return JSON.parse(sessionStorage.getItem(this.key(name))); } catch { return null; } },
  put(name, draft) { try { draft ? sessionStorage.setItem(this.key(name), JSON.stringify(draft)) : sessionStorage.removeItem(this.key(name)); } catch { /* storage is forbidden or full: the draft holds for this page */ } },
};

function diagnostics(state, markers) {
  return markers.map((each) => {
    const line = state.doc.line(Math.min(Math.max(each.line, 1), state.doc.lines));
    const from = Math.min(line.from + Math.max(each.column - 1, 0), line.to);
    const word = state.doc.sliceString(from, line.to).match(/^[^\s:,]+/)?.[0].length ?? 0;
    return { from, to: word ? from + word : line.to, severity: each.severity, message: each.message };
  });
}

// The smallest change that makes one text of another: cursor and folds stay where they can.
function difference(before, after) {
  let from = 0;
  const most = Math.min(before.length, after.length);
  while (from < most && before[from] === after[from]) from += 1;
  let tail = 0;
  while (tail < most - from && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return { from, to: before.length - tail, insert: after.slice(from, after.length - tail) };
}

// Enter after a word that is written in full begins a new line: there is nothing to accept.
function leaveWord(view) {
  const { head } = view.state.selection.main;
  const word = view.state.sliceDoc(view.state.doc.lineAt(head).from, head).match(/[\w./-]*$/)[0];
  if (selectedCompletion(view.state)?.label === word) closeCompletion(view);
  return false;
}

function extensions(host) {
  return [
    Prec.highest(keymap.of([{ key: "Enter", run: leaveWord }])), lineNumbers(), highlightActiveLineGutter(), highlightSpecialChars(), history(), foldGutter(), drawSelection(), dropCursor(),
    EditorState.allowMultipleSelections.of(true), indentOnInput(), indentUnit.of("  "), bracketMatching(), closeBrackets(),
    autocompletion({ override: [completions(askLanguage, () => host.data.names)], activateOnTypingDelay: 60, icons: false }),
    rectangularSelection(), crosshairCursor(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }), lintGutter(), yaml(), look,
    keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => { host.save(); return true; } },
      { key: "Tab", run: acceptCompletion },
      ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap, indentWithTab,
    ]),
    EditorView.contentAttributes.of({ "aria-label": host.data.label, tabindex: "0" }),
    EditorView.domEventHandlers({ blur: () => { host.tell(); } }),
    EditorView.updateListener.of((update) => host.updated(update)),
  ];
}

function build(place, component) {
  const around = side();
  const frame = el("div", { class: "ed-text" });
  const root = el("div", { class: "deck editor" }, around.nav, frame, around.problems, around.foot);
  let timer = 0;
  let told = null; // the last text that Python knows
  const host = { root, data: component.data, component, etag: component.data.etag, rev: component.data.rev };
  const doc = () => view.state.doc.toString();

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { host.keep(); host.tell(); }, PAUSE_MS);
  };
  host.tell = () => {
    clearTimeout(timer);
    const source = doc();
    if (source === told) return;
    told = source;
    host.component.setStateValue("doc", { text: source, etag: host.etag, rev: host.rev });
  };
  host.save = () => {
    clearTimeout(timer);
    told = doc();
    host.component.setTriggerValue("save", { text: told, etag: host.etag, rev: host.rev });
  };
  host.keep = () => {
    const source = doc();
    const dirty = source !== host.data.saved;
    drafts.put(host.data.name, dirty ? { text: source, etag: host.etag } : null);
    around.say(dirty ? "Not saved" : "Saved");
  };
  host.updated = (update) => {
    if (update.docChanged) {
      around.drawOutline(view);
      if (!update.transactions.some((each) => each.isUserEvent("quarterdeck"))) later();
    }
    if (update.docChanged || update.selectionSet) around.drawPlace(view);
  };

  const draft = drafts.get(host.data.name);
  const isLeft = draft && draft.text !== host.data.saved && host.data.text === host.data.saved;
  if (isLeft) host.etag = draft.etag;
  else told = host.data.text;
  const view = new EditorView({ parent: frame, root: place.getRootNode(), state: EditorState.create({ doc: isLeft ? draft.text : host.data.text, extensions: extensions(host) }) });

  host.show = (data) => {
    host.data = data;
    if (data.rev !== host.rev) {
      Object.assign(host, { rev: data.rev, etag: data.etag });
      const typedSince = told !== null && doc() !== told; // nobody loses what they typed while this was on its way
      told = typedSince ? null : data.text;
      if (typedSince) later();
      else if (doc() !== data.text) view.dispatch({ changes: difference(doc(), data.text), userEvent: "quarterdeck" });
    }
    attr(root, "data-theme", document.documentElement.dataset.qdTheme ?? "dark");
    view.dispatch(setDiagnostics(view.state, diagnostics(view.state, data.markers)));
    around.drawProblems(view, data.markers);
    host.keep();
  };
  const recolour = new MutationObserver(() => attr(root, "data-theme", document.documentElement.dataset.qdTheme ?? "dark"));
  recolour.observe(document.documentElement, { attributeFilter: ["data-qd-theme"] });
  const warn = (event) => { if (doc() !== host.data.saved && !drafts.get(host.data.name)) event.preventDefault(); };
  window.addEventListener("beforeunload", warn);
  around.drawOutline(view);
  around.drawPlace(view);
  if (isLeft) host.tell();
  host.stop = () => { clearTimeout(timer); host.keep(); recolour.disconnect(); window.removeEventListener("beforeunload", warn); view.destroy(); root.remove(); };
  return host;
}

export default function (component) {
  const place = component.parentElement;
  let host = mounted.get(place);
  if (host && host.data.name !== component.data.name) {
    host.stop();
    host = null;
  }
  if (!host) {
    adopt(place.getRootNode());
    host = build(place, component);
    mounted.set(place, host);
    place.append(host.root);
  }
  host.component = component;
  host.show(component.data);
  return () => {
    host.stop();
    mounted.delete(place);
  };
}

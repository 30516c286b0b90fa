// Prompt and answer of one call, while it is written.
import { comparison } from "./compare.js";
import { attr, copy, el, icon, keyed, text } from "./dom.js";
import { OPEN } from "./format.js";
import { finder } from "./find.js";
import { prose } from "./highlight.js";
import { keepScroll } from "./keep.js";
import { asMarkdown, exchanged, messages, parsed, plainText, roleOf, streamed } from "./messages.js";
import { about as factsOf, content, details, nothing, template, tokens, variables } from "./pages.js";
import { saveMenu } from "./saving.js";
import { on, reading, select, state } from "./store.js";

const TABS = { conversation: "Conversation", parts: "Template", variables: "Variables", usage: "Tokens", input: "Input", output: "Output", config: "Config", compare: "Compare", details: "Details" };
const NOT_CAPTURED = "Nothing of this call was captured. QUARTERDECK_CAPTURE=full keeps prompts and answers.";

export function inspector(panel) {
  const title = el("span", { class: "what" });
  const follow = el("button", { type: "button", class: "tiny", hidden: true, "data-qd": "follow", title: "Show the newest call of this run", onclick: () => select(state.run, "") }, "Newest call");
  const copying = el("button", { type: "button", class: "act", "aria-label": "Copy this tab", title: "Copy this tab", "data-qd": "copy", onclick: () => copy(current.endsWith("/compare") ? compare.plain() : plain, copying) }, icon("copy", 13));
  const searching = el("button", { type: "button", class: "act", "aria-label": "Find in this tab", title: "Find in this tab (Ctrl+F in here)", "data-qd": "find", onclick: () => find.open() }, icon("search", 13));
  const saving = saveMenu(saved);
  panel.tools.append(title, follow, searching, copying, saving.root);
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Inspector" });
  const page = el("div", { class: "page", role: "tabpanel", tabindex: "0", "data-qd": "inspector" });
  const jump = el("button", { type: "button", class: "jump", hidden: true, onclick: () => { following = true; page.scrollTop = page.scrollHeight; jump.hidden = true; away = false; busy(); } }, "↓ Newest text");
  const empty = el("div", { class: "empty" });
  const find = finder(page, { changed: () => busy() });
  panel.body.append(tabs, find.bar, page, jump, empty);
  const compare = comparison();
  let chosen = new URLSearchParams(window.location.search).get("tab") ?? "conversation";
  let current = "";
  let following = true;
  let plain = "";
  let touched = false; // scrolling by the reader, not by this page
  let away = false;
  const place = keepScroll("inspector", page, () => (following && growing() ? "" : `${state.run}/${current}`));

  page.addEventListener("scroll", () => {
    following = page.scrollHeight - page.scrollTop - page.clientHeight < 24;
    if (following) jump.hidden = true;
    if (touched) { away = !(following && growing()); busy(); }
  });
  for (const gesture of ["wheel", "touchmove", "keydown", "pointerdown"]) page.addEventListener(gesture, () => { touched = true; }, { passive: true });

  const marked = () => (panel.root.getRootNode().getSelection?.() ?? document.getSelection())?.type === "Range";
  const busy = () => reading(away || marked() || find.active());
  document.addEventListener("selectionchange", busy);

  panel.root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "f" || event.shiftKey || event.altKey || page.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    find.open();
  });

  const settle = () => { if (following) page.scrollTop = page.scrollHeight; else jump.hidden = !growing(); };
  const node = () => state.detail?.nodes.get(state.shown?.id);
  const growing = () => Boolean(state.shown?.live && node()?.kind === "call" && node()?.end === null && OPEN.has(state.detail.run?.status));

  function available(texts, isCall) {
    if (isCall) return ["conversation", ...(texts.parts || texts.template ? ["parts"] : []), ...(texts.variables ? ["variables"] : []), "usage", ...(texts.output && node() ? ["compare"] : []), "details"];
    const found = [];
    if (texts.step_input || texts.run_input || texts.tool_arguments) found.push("input");
    if (texts.step_output || texts.run_output || texts.tool_result) found.push("output");
    if (texts.run_config) found.push("config");
    return [...(found.length ? found : ["input"]), "details"];
  }

  function turnTo(tab) {
    chosen = tab;
    const url = new URL(window.location.href);
    url.searchParams.set("tab", tab);
    window.history.replaceState(window.history.state, "", url);
    draw();
  }

  // What the menu saves: the call with its facts and what was said, or the span with what went in and came out.
  function saved() {
    const { shown, detail } = state;
    const about = node();
    const name = [detail?.run?.name, about?.step, about?.kind === "call" ? about.model : ""].filter(Boolean).join(" ") || shown.id;
    const said = about?.kind === "call" || !about ? conversationOf(shown) : exchanged(shown.texts);
    return {
      title: name.replace(/[^\w.-]+/g, "-"),
      run: state.run,
      markdown: asMarkdown(name, factsOf(shown, about, detail), said),
      json: JSON.stringify({ run: state.run, span: about ?? { id: shown.id }, captured: parsed(shown) }, null, 2),
    };
  }

  function draw() {
    const shown = state.shown;
    const usable = shown && !shown.missing;
    for (const each of [tabs, page, searching, saving.root]) each.hidden = !usable;
    empty.hidden = Boolean(usable);
    title.hidden = copying.hidden = !usable;
    follow.hidden = !state.span;
    if (!usable) { current = ""; jump.hidden = true; return blank(shown); }
    const about = node();
    const isCall = !about || about.kind === "call";
    const names = available(shown.texts, isCall);
    const tab = names.includes(chosen) ? chosen : names[0];
    text(title, [about?.step, about?.name].filter((word, i, all) => word && all.indexOf(word) === i).join(" · "));
    attr(title, "title", title.textContent);
    keyed(tabs, names, (name) => name, (name) => el("button", { type: "button", role: "tab", "data-tab": name, onclick: () => turnTo(name) }, TABS[name]), (button, name) => attr(button, "aria-selected", name === tab ? "true" : "false"));
    attr(page, "aria-label", TABS[tab]);
    if (!state.reading) away = false;
    if (!state.reading && !state.chosen && !state.span) find.shut(); // the reader went back to following
    const signature = `${shown.id}/${tab}`;
    if (signature !== current) { current = signature; page.replaceChildren(); page.__keyed = new Map(); following = growing(); page.scrollTop = 0; jump.hidden = true; touched = away = false; busy(); }
    PAGES[tab](shown, about);
    if (place.back()) following = false;
  }

  const PAGES = {
    conversation,
    parts: (shown) => once(shown.texts.parts ?? shown.texts.template, () => template(shown.texts)),
    variables: (shown) => once(shown.texts.variables, variables),
    usage: (shown, about) => once(JSON.stringify([about, shown.usage, shown.texts.output?.length]), () => tokens(shown, about)),
    input: (shown) => once(shown.texts.step_input ?? shown.texts.run_input ?? shown.texts.tool_arguments ?? "", content),
    output: (shown) => once(shown.texts.step_output ?? shown.texts.run_output ?? shown.texts.tool_result, content),
    config: (shown) => once(shown.texts.run_config, content),
    compare: (shown, about) => once("compare", () => ({ nodes: [compare.show(shown, about)], plain: "" })) || compare.show(shown, about),
    details: (shown, about) => once(JSON.stringify([about, shown.attributes, state.detail?.nodes.size]), () => details(shown, about, state.detail)),
  };

  // Draw a page again only where its value differs: a selection in it survives.
  function once(value, make) {
    const key = `${current}${value}`;
    if (page.__value === key) return false;
    page.__value = key;
    const made = make(value);
    plain = made.plain;
    page.replaceChildren(...made.nodes);
    return true;
  }

  function conversationOf(shown) {
    const list = messages(shown.texts);
    const live = shown.live && !shown.texts.output;
    if (live) list.push(...streamed(state.chunks).map((each, index) => ({ ...each, key: `${list.length + index}`, growing: true })));
    if (live && growing() && !state.chunks.length) list.push({ role: "assistant", body: "", key: `${list.length}`, waiting: true, growing: true });
    if (shown.error) list.push({ role: "error", body: shown.error, key: "error" });
    return list;
  }

  function conversation(shown) {
    const list = conversationOf(shown);
    plain = plainText(list);
    page.__value = "";
    const last = list.findLast((each) => each.growing);
    keyed(page, list, (each) => each.key, message, (article, each) => {
      article.words = each.body;
      attr(article, "data-role", each.role);
      attr(article, "data-medium", each.medium);
      text(article.firstChild.children[0], roleOf(each));
      text(article.firstChild.children[1], each.label ?? "");
      attr(article, "data-waiting", each.waiting);
      attr(article, "data-caret", each.growing && growing() && each === last);
      prose(article.lastChild, each.body, { growing: each.growing });
    });
    if (!list.length) page.replaceChildren(...nothing(NOT_CAPTURED).nodes);
    settle();
  }

  function message() {
    const button = el("button", { type: "button", class: "act one", "aria-label": "Copy this message", title: "Copy this message", onclick: () => copy(article.words, button) }, icon("copy", 12));
    const article = el("article", { class: "message" }, el("header", {}, el("b"), el("span"), button), el("div", { class: "prose" }));
    return article;
  }

  function blank(shown) {
    const kind = shown?.missing ? "missing" : state.run && state.detail?.found ? (!OPEN.has(state.detail.run.status) ? "without" : state.detail.nodes.size ? "nocall" : "wait") : "none";
    if (empty.dataset.kind === kind) return;
    empty.dataset.kind = kind;
    const lines = {
      missing: ["This span is not here.", "Its run has no span of that id, or it has not arrived yet."],
      nocall: ["No model call in this run yet.", "Prompt and answer appear here while the model writes."],
      without: ["No model call in this run.", "Select a step to see what went in and what came out."],
      wait: ["Waiting for the first step.", ""],
      none: ["Prompts and answers appear here.", "The newest model call of the selected run is followed by itself."],
    }[kind];
    empty.replaceChildren(icon("call", 28), el("p", { class: "lead" }, lines[0]), el("p", {}, lines[1]));
  }

  const offs = [...["span", "selection", "detail"].map((topic) => on(topic, draw)), on("text", draw)];
  const watcher = new ResizeObserver(() => { if (following) page.scrollTop = page.scrollHeight; });
  watcher.observe(page);
  draw();
  return { stop: () => { document.removeEventListener("selectionchange", busy); find.stop(); place.stop(); saving.stop(); watcher.disconnect(); offs.forEach((off) => off()); } };
}

// Prompt and answer of one call, while it is written.
import { attr, copy, el, icon, keyed, text } from "./dom.js";
import { OPEN, count, money, seconds } from "./format.js";
import { asJson, code, prose } from "./highlight.js";
import { on, reading, select, state } from "./store.js";

const TABS = { conversation: "Conversation", parts: "Template", variables: "Variables", usage: "Usage", input: "Input", output: "Output", config: "Config" };
const ROLES = { system: "System", user: "User", assistant: "Assistant", model: "Assistant", thinking: "Thinking", tool: "Tool" };
const SOURCES = { static: "written in the template", file: "from a file", previous_response: "from an earlier answer", variable: "from a variable" };

function messages(texts) {
  const found = [];
  const put = (role, body, label) => { if (body !== "" && body !== undefined && body !== null) found.push({ role, body: typeof body === "string" ? body : JSON.stringify(body, null, 2), label }); };
  const system = asJson(texts.system);
  if (Array.isArray(system)) put("system", system.map((part) => part.content ?? part.text ?? JSON.stringify(part)).join("\n\n"));
  else put("system", texts.system);
  for (const source of ["input", "output"]) {
    const list = asJson(texts[source]);
    if (!Array.isArray(list)) { put(source === "input" ? "user" : "assistant", texts[source]); continue; }
    for (const message of list) {
      const parts = message.parts ?? [{ type: "text", content: message.content }];
      for (const part of parts) {
        if (part.type === "text") put(message.role, part.content);
        else if (part.type === "reasoning" || part.type === "thinking") put("thinking", part.content);
        else if (part.type === "tool_call") put("tool", part.arguments, `calls ${part.name}`);
        else if (part.type === "tool_call_response") put("tool", part.response ?? part.result, "returns");
        else put(message.role, part, part.type);
      }
    }
  }
  return found.map((each, index) => ({ ...each, key: `${index}` }));
}

function streamed(chunks) {
  const found = [];
  for (const [kind, piece] of chunks) {
    const role = kind === "thinking" ? "thinking" : kind === "tool" ? "tool" : "assistant";
    if (found.at(-1)?.role === role) found.at(-1).body += piece;
    else found.push({ role, body: piece, label: role === "tool" ? "calls a tool" : undefined });
  }
  return found;
}

export function inspector(panel) {
  const title = el("span", { class: "what" });
  const follow = el("button", { type: "button", class: "tiny", hidden: true, "data-qd": "follow", title: "Show the newest call of this run", onclick: () => select(state.run, "") }, "Newest call");
  const copying = el("button", { type: "button", class: "act", "aria-label": "Copy this tab", title: "Copy this tab", "data-qd": "copy", onclick: () => copy(plain, copying) }, icon("copy", 13));
  panel.tools.append(title, follow, copying);
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Inspector" });
  const page = el("div", { class: "page", role: "tabpanel", tabindex: "0", "data-qd": "inspector" });
  const jump = el("button", { type: "button", class: "jump", hidden: true, onclick: () => { following = true; page.scrollTop = page.scrollHeight; jump.hidden = true; away = false; busy(); } }, "↓ Newest text");
  const empty = el("div", { class: "empty" });
  panel.body.append(tabs, page, jump, empty);
  let chosen = "conversation";
  let current = "";
  let following = true;
  let plain = "";
  let touched = false; // scrolling by the reader, not by this page
  let away = false;

  page.addEventListener("scroll", () => {
    following = page.scrollHeight - page.scrollTop - page.clientHeight < 24;
    if (following) jump.hidden = true;
    if (touched) { away = !(following && growing()); busy(); }
  });
  for (const gesture of ["wheel", "touchmove", "keydown", "pointerdown"]) page.addEventListener(gesture, () => { touched = true; }, { passive: true });

  const marked = () => (panel.root.getRootNode().getSelection?.() ?? document.getSelection())?.type === "Range";
  const busy = () => reading(away || marked());
  document.addEventListener("selectionchange", busy);

  const settle = () => { if (following) page.scrollTop = page.scrollHeight; else jump.hidden = !growing(); };
  const node = () => state.detail?.nodes.get(state.shown?.id);
  const growing = () => Boolean(state.shown?.live && node()?.kind === "call" && node()?.end === null && OPEN.has(state.detail.run?.status));

  function available(texts, isCall) {
    if (isCall) return ["conversation", ...(texts.parts || texts.template ? ["parts"] : []), ...(texts.variables ? ["variables"] : []), "usage"];
    const found = [];
    if (texts.step_input || texts.run_input || texts.tool_arguments) found.push("input");
    if (texts.step_output || texts.run_output || texts.tool_result) found.push("output");
    if (texts.run_config) found.push("config");
    return found.length ? found : ["input"];
  }

  function draw() {
    const shown = state.shown;
    const usable = shown && !shown.missing;
    for (const each of [tabs, page]) each.hidden = !usable;
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
    keyed(tabs, names, (name) => name, (name) => el("button", { type: "button", role: "tab", "data-tab": name, onclick: () => { chosen = name; draw(); } }, TABS[name]), (button, name) => attr(button, "aria-selected", name === tab ? "true" : "false"));
    attr(page, "aria-label", TABS[tab]);
    const signature = `${shown.id}/${tab}`;
    if (signature !== current) { current = signature; page.replaceChildren(); page.__keyed = new Map(); following = growing(); page.scrollTop = 0; jump.hidden = true; touched = away = false; busy(); }
    if (!state.reading) away = false;
    PAGES[tab](shown, about);
  }

  const PAGES = {
    conversation: conversation,
    parts: (shown) => once(shown.texts.parts ?? shown.texts.template, () => template(shown.texts)),
    variables: (shown) => once(shown.texts.variables, () => variables(shown.texts.variables)),
    usage: (shown, about) => usage(shown, about),
    input: (shown) => once(shown.texts.step_input ?? shown.texts.run_input ?? shown.texts.tool_arguments ?? "", (value) => value ? content(value) : [el("p", { class: "hush" }, "Nothing was captured for this span.")]),
    output: (shown) => once(shown.texts.step_output ?? shown.texts.run_output ?? shown.texts.tool_result, content),
    config: (shown) => once(shown.texts.run_config, content),
  };

  function once(value, make) {
    plain = value ?? "";
    if (page.__value === `${current}${value}`) return;
    page.__value = `${current}${value}`;
    page.replaceChildren(...make(value));
  }

  function content(value) {
    const body = el("div", { class: "prose" });
    let source = value;
    if (/^".*"$/s.test(value.trim())) try { source = JSON.parse(value); } catch { source = value; }
    prose(body, source);
    plain = source;
    return [body];
  }

  function conversation(shown) {
    const list = messages(shown.texts);
    const live = shown.live && !shown.texts.output;
    if (live) list.push(...streamed(state.chunks).map((each, index) => ({ ...each, key: `${list.length + index}`, growing: true })));
    if (live && growing() && !state.chunks.length) list.push({ role: "assistant", body: "", key: `${list.length}`, waiting: true, growing: true });
    if (shown.error) list.push({ role: "error", body: shown.error, key: "error" });
    plain = list.map((each) => `${ROLES[each.role] ?? each.role}:\n${each.body}`).join("\n\n");
    keyed(page, list, (each) => each.key, () => el("article", { class: "message" }, el("header", {}, el("b"), el("span")), el("div", { class: "prose" })), (article, each) => {
      attr(article, "data-role", each.role);
      text(article.firstChild.firstChild, each.role === "error" ? "Error" : (ROLES[each.role] ?? each.role));
      text(article.firstChild.lastChild, each.label ?? "");
      attr(article, "data-waiting", each.waiting);
      attr(article, "data-caret", each.growing && growing() && each === list.filter((m) => m.growing).at(-1));
      prose(article.lastChild, each.body, { growing: each.growing });
    });
    if (!list.length) page.replaceChildren(el("p", { class: "hush" }, "Nothing of this call was captured. QUARTERDECK_CAPTURE=full keeps prompts and answers."));
    settle();
  }

  function template(texts) {
    const parts = asJson(texts.parts);
    if (!Array.isArray(parts)) return [el("pre", { class: "code" }, code(texts.template ?? ""))];
    const kinds = [...new Set(parts.map((part) => part.kind))];
    const legend = el("p", { class: "legend" }, ...kinds.map((kind) => el("span", { "data-source": kind, title: SOURCES[kind] ?? "" }, kind.replace("_", " "))));
    const body = el("div", { class: "template" }, ...parts.map((part) => el("span", { "data-source": part.kind, title: [SOURCES[part.kind], part.source].filter(Boolean).join(": ") }, part.text)));
    plain = parts.map((part) => part.text).join("");
    return [legend, body];
  }

  function variables(value) {
    const known = asJson(value);
    if (!known || Array.isArray(known)) return content(value);
    return [el("dl", { class: "variables" }, ...Object.entries(known).map(([name, each]) => {
      const body = el("dd", { class: "prose" });
      prose(body, typeof each === "string" ? each : JSON.stringify(each, null, 2));
      return el("div", {}, el("dt", {}, name), body);
    }))];
  }

  function usage(shown, about) {
    const used = { input: about?.tokens_in, output: about?.tokens_out, cache_read: about?.cache_read };
    const n = (name) => Number(shown.usage[name] ?? used[name] ?? 0);
    const rows = [
      ["Input tokens", n("input")], ["of which read from cache", n("cache_read")], ["of which written to cache", n("cache_write")],
      ["Output tokens", n("output")], ["of which reasoning", n("reasoning")],
    ].filter(([label, value]) => value || !label.startsWith("of"));
    const ms = about?.end ? about.end - about.start : null;
    const speed = ms && n("output") ? n("output") / (ms / 1000 - (about.first_chunk ?? 0)) : 0;
    const facts = [
      ...rows.map(([label, value]) => [label, count(value)]),
      ["Cost", about?.cost === null || about?.cost === undefined ? (shown.live ? "after the answer" : "unknown price") : money(about.cost)],
      ["Duration", ms ? seconds(ms / 1000) : ""], ["Time to first content", about?.first_chunk ? seconds(about.first_chunk) : ""],
      ["Output speed", speed > 0 && speed < 1e5 ? `${speed.toFixed(0)} tokens/s` : ""],
      ["Provider", about?.provider], ["Model", about?.model], ["Finish", shown.finish.replace(/[[\]"]/g, "")],
      ...Object.entries(shown.parameters),
    ].filter(([, value]) => value);
    plain = facts.map(([label, value]) => `${label}: ${value}`).join("\n");
    once(JSON.stringify(facts), () => [el("dl", { class: "usage" }, ...facts.map(([label, value]) => el("div", { class: label.startsWith("of") ? "of" : "" }, el("dt", {}, label), el("dd", {}, value))))]);
    plain = facts.map(([label, value]) => `${label}: ${value}`).join("\n");
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
  return { stop: () => { document.removeEventListener("selectionchange", busy); watcher.disconnect(); offs.forEach((off) => off()); } };
}

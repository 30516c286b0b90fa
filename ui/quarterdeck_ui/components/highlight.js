// Text to DOM: light Markdown and coloured JSON, XML, YAML or code. Everything becomes text nodes.
import { el } from "./dom.js";
import { coloured, languageOf } from "./languages.js";

export function code(source, language = "") {
  const out = document.createDocumentFragment();
  for (const [kind, piece] of coloured(source, language)) out.append(kind ? el("span", { class: `t-${kind}` }, piece) : piece);
  return out;
}

export function asJson(source) {
  const text = (source ?? "").trim();
  if (!/^[[{]/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*)|(<\/?[A-Za-z_][\w:.-]*(?:\s[^<>\n]*)?\/?>)/g;

function inline(source) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const match of source.matchAll(INLINE)) {
    out.append(source.slice(at, match.index));
    if (match[1]) out.append(el("code", {}, match[1].slice(1, -1)));
    else if (match[2]) out.append(el("strong", {}, match[2].slice(2, -2)));
    else if (match[3]) out.append(el("em", {}, match[3].slice(1, -1)));
    else out.append(code(match[4], "xml"));
    at = match.index + match[0].length;
  }
  out.append(source.slice(at));
  return out;
}

// Blocks of a text: fences, headings, list items, paragraphs; each knows its source, so unchanged ones stay.
function blocks(source) {
  const found = [];
  let fence = null;
  let open = null;
  const flush = () => { if (open) found.push(open); open = null; };
  for (const line of source.split("\n")) {
    if (fence) {
      if (/^\s*```\s*$/.test(line)) { found.push(fence); fence = null; } else fence.body += (fence.body === null ? "" : fence.body && "\n") + line;
      continue;
    }
    const opens = /^\s*```(\S*)/.exec(line);
    if (opens) { flush(); fence = { kind: "code", body: "", lang: opens[1] }; continue; }
    const heading = /^(#{1,4})\s+(.*)/.exec(line);
    const item = /^(\s*)([-*•]|\d+[.)])\s+(.*)/.exec(line);
    if (heading) { flush(); found.push({ kind: "h", body: heading[2] }); }
    else if (item) { flush(); open = { kind: "li", body: item[3], mark: item[2], depth: item[1].length >> 1 }; }
    else if (!line.trim()) flush();
    else if (open) open.body += `\n${line}`;
    else open = { kind: "p", body: line };
  }
  flush();
  if (fence) found.push(fence);
  return found;
}

function block({ kind, body, mark, depth, lang }) {
  if (kind === "code") return el("pre", { class: "code", "data-lang": lang || null }, code(body, lang));
  if (kind === "h") return el("p", { class: "h" }, inline(body));
  if (kind === "li") return el("p", { class: "li", style: `--d:${depth}` }, el("span", { class: "mark" }, /\d/.test(mark) ? mark : "•"), el("span", {}, inline(body)));
  return el("p", {}, inline(body));
}

// Draw a text into a node, leaving blocks alone that did not change (a selection in them survives).
export function prose(node, source, { growing = false } = {}) {
  const value = growing ? null : asJson(source);
  const language = growing || value !== null ? "" : languageOf(source);
  const wanted = value !== null ? [{ kind: "code", body: JSON.stringify(value, null, 2), lang: "json" }] : language ? [{ kind: "code", body: source.trim(), lang: language }] : blocks(source);
  const known = node.__blocks ?? [];
  wanted.forEach((each, index) => {
    const signature = `${each.kind}${each.lang ?? ""}${each.mark ?? ""}${each.depth ?? ""}\u0000${each.body}`;
    if (known[index]?.signature === signature) return;
    const made = block(each);
    if (known[index]) known[index].node.replaceWith(made);
    else node.append(made);
    known[index] = { signature, node: made };
  });
  while (known.length > wanted.length) known.pop().node.remove();
  node.__blocks = known;
}

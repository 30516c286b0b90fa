// The conversation of a call as messages, from what was captured or streams in; and as Markdown. Pure.
import { asJson } from "./highlight.js";

export const ROLES = { system: "System", user: "User", assistant: "Assistant", model: "Assistant", thinking: "Thinking", tool: "Tool", error: "Error" };
const TOLD = new Set(["type", "modality", "mime_type", "content", "base64_characters"]);

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

// What a tool gave back: blocks of text are the text.
function returned(value) {
  const blocks = Array.isArray(value) && value.length > 0 && value.every((each) => each?.type === "text");
  return blocks ? value.map((each) => each.text ?? each.content ?? "").join("\n") : value;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

// What is known of a picture, a sound or a document, whose bytes are not kept.
function facts(part) {
  const bytes = part.base64_characters ? Math.floor(part.base64_characters * 0.75) : part.bytes;
  const rest = Object.entries(part).filter(([name, value]) => !TOLD.has(name) && name !== "bytes" && ["string", "number"].includes(typeof value));
  return [part.modality ?? part.type, part.mime_type, bytes ? size(bytes) : "", ...rest.map(([name, value]) => `${name} ${value}`)].filter(Boolean).join(" · ");
}

function piece(role, part) {
  if (typeof part === "string") return { role, body: part };
  const { type } = part;
  if (type === "text") return { role, body: part.content ?? part.text };
  if (type === "reasoning" || type === "thinking") return { role: "thinking", body: part.content };
  if (type === "tool_call") return { role: "tool", body: part.arguments, label: `calls ${part.name}` };
  if (type === "tool_call_response") return { role: "tool", body: returned(part.response ?? part.result), label: "returns" };
  if (part.mime_type || part.modality || part.uri) return { role, body: facts(part), label: part.modality ?? type, medium: true };
  return { role, body: part, label: type };
}

function said(source, role) {
  const list = asJson(source);
  if (!Array.isArray(list)) return [{ role, body: source }];
  return list.flatMap((message) => [message.parts ?? message.content ?? []].flat().map((part) => piece(message.role ?? role, part)));
}

// Everything that was said, oldest first: [{ role, body, label, key }].
export function messages(texts) {
  const system = asJson(texts.system);
  const instructions = Array.isArray(system) ? system.map((part) => part.content ?? part.text ?? JSON.stringify(part)).join("\n\n") : texts.system;
  const found = [{ role: "system", body: instructions }, ...said(texts.input, "user"), ...said(texts.output, "assistant")];
  return found.filter(({ body }) => body !== "" && body !== undefined && body !== null).map((each, index) => ({ ...each, body: asText(each.body), key: `${index}` }));
}

// The same of an answer that is still written, from its chunks.
export function streamed(chunks) {
  const found = [];
  for (const [kind, text] of chunks) {
    const role = kind === "thinking" ? "thinking" : kind === "tool" ? "tool" : "assistant";
    if (found.at(-1)?.role === role) found.at(-1).body += text;
    else found.push({ role, body: text, label: role === "tool" ? "calls a tool" : undefined });
  }
  return found;
}

// What went into a span that is no call, and what came out.
export function exchanged(texts) {
  const pairs = [["Input", texts.step_input ?? texts.run_input ?? texts.tool_arguments], ["Output", texts.step_output ?? texts.run_output ?? texts.tool_result], ["Config", texts.run_config]];
  return pairs.filter(([, body]) => body).map(([role, body]) => ({ role, body }));
}

// A span as it was captured, with its JSON texts as the values that they hold.
export function parsed({ texts, attributes, parameters, usage, finish, error }) {
  const value = (text) => { try { return JSON.parse(text); } catch { return text; } };
  return { ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, value(text)])), parameters, usage, finish, error, attributes };
}

export const roleOf = ({ role }) => ROLES[role] ?? role;

export const plainText = (list) => list.map((each) => `${[roleOf(each), each.label].filter(Boolean).join(" ")}:\n${each.body}`).join("\n\n");

// A call as a Markdown document: its facts, then what was said, JSON in fences.
export function asMarkdown(title, facts, list) {
  const fence = (body) => (asJson(body) === null ? body : `\`\`\`json\n${body}\n\`\`\``);
  const table = ["| | |", "|---|---|", ...facts.map(([label, value]) => `| ${label} | ${String(value).replaceAll("|", "\\|").replaceAll("\n", " ")} |`)];
  return [`# ${title}`, ...(facts.length ? [table.join("\n")] : []), ...list.map((each) => `## ${[roleOf(each), each.label].filter(Boolean).join(": ")}\n\n${fence(each.body)}`)].join("\n\n") + "\n";
}

// Which language a text is written in, and its coloured pieces: [class or "", text]. Pure.

const WORDS = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(#[^\n]*|\/\/[^\n]*)|\b(\d[\d_.]*(?:e[+-]?\d+)?)\b|\b(def|class|return|import|from|if|elif|else|for|while|in|not|and|or|async|await|with|as|try|except|raise|yield|lambda|const|let|var|function|new|export|select|where|group|by|order|true|false|null|True|False|None)\b/g;
const XML = /(<!--[\s\S]*?-->)|(<[/!?]?[\w:.-]+)|("[^"]*"|'[^']*')(?=[^<]*>)|([\w:.-]+)(?==["'])|([/?]?>)/g;
const YAML = /^([ \t]*(?:- +)*)([\w."'$/-][^:#\n]*?)(:)(?=[ \t]|$)|(^|\s)(#[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*')|(?<=[:-] +)(-?\d[\d_.]*(?:e[+-]?\d+)?|true|false|null|~|yes|no)(?=[ \t]*(?:#|$))/gm;

function pieces(source, pattern, classify) {
  const found = [];
  let at = 0;
  for (const match of source.matchAll(pattern)) {
    if (match.index > at) found.push(["", source.slice(at, match.index)]);
    found.push(...classify(match, source));
    at = match.index + match[0].length;
  }
  if (at < source.length) found.push(["", source.slice(at)]);
  return found;
}

const words = (source) => pieces(source, WORDS, (match) => {
  const after = source.slice(match.index + match[0].length, match.index + match[0].length + 4);
  return [[match[1] ? (/^\s*:/.test(after) ? "key" : "str") : match[2] ? "com" : match[3] ? "num" : "kw", match[0]]];
});
const xml = (source) => pieces(source, XML, (match) => [[match[1] ? "com" : match[3] ? "str" : match[4] ? "key" : "kw", match[0]]]);
const yaml = (source) => pieces(source, YAML, (match) => {
  if (match[2] !== undefined) return [["", match[1]], ["key", match[2]], ["", match[3]]].filter(([, text]) => text);
  if (match[5] !== undefined) return [["", match[4]], ["com", match[5]]].filter(([, text]) => text);
  return [[match[6] ? "str" : "num", match[0]]];
});

const COLOURED = { xml, html: xml, svg: xml, yaml, yml: yaml };

// The pieces of a text in a language; one that is not known is coloured by the words that most languages share.
export const coloured = (source, language = "") => (COLOURED[language.toLowerCase()] ?? words)(source);

// "xml" or "yaml" where a whole text is plainly that; "" otherwise: prose is the likelier guess.
export function languageOf(source) {
  const text = source.trim();
  const root = /^(?:<\?xml[^>]*\?>\s*)?(?:<!--[\s\S]*?-->\s*)*<([A-Za-z_][\w:.-]*)(?:\s[^>]*)?\/?>/.exec(text);
  if (root && (text.endsWith(`</${root[1]}>`) || (text.endsWith("/>") && root[0].endsWith("/>") && root[0].length === text.length))) return "xml";
  const lines = text.split("\n").filter((line) => line.trim() && !/^\s*#/.test(line));
  const keys = lines.filter((line) => /^\s*(- +)*[\w."'$/-]+:(\s|$)/.test(line)).length;
  const items = lines.filter((line) => /^\s*- +\S/.test(line)).length;
  return lines.length > 1 && keys >= 2 && keys + items >= lines.length * 0.8 && !/\*\*|```/.test(text) ? "yaml" : "";
}

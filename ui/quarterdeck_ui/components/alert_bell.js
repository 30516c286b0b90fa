// The bell: how many alerts fire, and notices of what they tell, on the page and, where the reader allows it, on the desktop.
import { attr, el, icon, text } from "./dom.js";

const SHOWN_MS = 15_000;
const MOST_SEEN = 200;
const KEY = "quarterdeck.notices";
const WORDS = { firing: ["warn", "Firing"], reminder: ["warn", "Still firing"], resolved: ["completed", "Resolved"] };

const address = (rule) => `/?view=alerts&rule=${encodeURIComponent(rule)}`;

function seenBefore() {
  try { return JSON.parse(sessionStorage.getItem(KEY) ?? "[]"); } catch { return []; } // storage may be forbidden
}

// Ask once whether notices may leave the page; a browser that knows none, or was asked before, is not asked again.
export const mayAsk = () => "Notification" in window && Notification.permission === "default";

function onDesktop(notice, said) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const shown = new Notification(`${said}: ${notice.name}`, { body: notice.text, tag: notice.id }); // several tabs show it once
    shown.onclick = () => { window.focus(); window.location.assign(address(notice.rule)); };
  } catch { /* phones leave that to service workers; the notice on the page remains */ }
}

// Of a source that knows what fires and what was told, and calls back when that changes: the deck's feed, or watchAlerts().
export function bell(source) {
  const count = el("b", { class: "count" });
  const root = el("a", { class: "bell", href: "/?view=alerts", "data-qd": "bell" }, icon("bell", 15), count);
  const notices = el("div", { class: "alert-notices", role: "status", "aria-live": "polite" });
  let seen = seenBefore();

  function show(notice) {
    const [sign, said] = WORDS[notice.what] ?? WORDS.firing;
    const ask = el("button", { type: "button", class: "ask", hidden: !mayAsk(), onclick: async () => { await Notification.requestPermission(); ask.hidden = true; } }, "Also on the desktop");
    const node = el("div", { class: "alert-notice", "data-what": notice.what, "data-severity": notice.severity },
      icon(sign, 16),
      el("div", {}, el("a", { href: address(notice.rule) }, el("strong", {}, `${said}: ${notice.name}`)), el("p", {}, notice.text), ask),
      el("button", { type: "button", class: "act", "aria-label": "Hide this notice", onclick: () => node.remove() }, icon("close", 12)));
    notices.append(node);
    setTimeout(() => node.remove(), SHOWN_MS);
    onDesktop(notice, said);
  }

  function draw() {
    const known = source.known();
    const firing = known.firing.filter((each) => !each.muted);
    const muted = known.firing.length - firing.length;
    text(count, firing.length ? String(firing.length) : "");
    attr(root, "data-state", firing.length ? "firing" : null);
    const words = firing.length ? `${firing.length} ${firing.length === 1 ? "alert fires" : "alerts fire"}` : "No alert fires";
    const said = `${words}${muted ? `, ${muted} muted` : ""}`;
    attr(root, "aria-label", said);
    attr(root, "title", [said, ...firing.map((each) => each.name)].join("\n"));
    const news = known.notices.filter((each) => !seen.includes(each.id));
    const last = new Map(news.map((each) => [each.rule, each])); // whoever comes after the end need not hear of the beginning
    if (!news.length) return;
    seen = [...seen, ...news.map((each) => each.id)].slice(-MOST_SEEN);
    try { sessionStorage.setItem(KEY, JSON.stringify(seen)); } catch { /* then a reload shows them again */ }
    last.forEach(show);
  }

  const off = source.on(draw);
  draw();
  return { root, notices, stop: off };
}

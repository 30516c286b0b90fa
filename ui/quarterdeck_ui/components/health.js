// Whether the parts of the system work: a chip each, the reason of each on click, and a banner for what is wrong.
import { attr, el, icon, keyed, text } from "./dom.js";
import { clock } from "./format.js";
import { on, state } from "./store.js";

const SERVICES = { clickhouse: "ClickHouse", collector: "Collector", spool: "Spool", runner: "Runner" };
const FORWARD = "forward ";
const LOSS = {
  clickhouse: "The screen shows what was known before and goes on by itself.",
  collector: "New telemetry waits in the SDKs until it answers.",
  spool: "The collector takes nothing more until ClickHouse has taken what waits; the SDKs keep it meanwhile.",
  runner: "Runs cannot be started, paused or cancelled until it answers.",
  forward: "Spans for it wait in the collector's own spool.",
};
const WELL = { clickhouse: "Answers.", collector: "Answers.", spool: "Takes telemetry.", runner: "Answers.", forward: "Takes spans." };

const kind = (name) => (name.startsWith(FORWARD) ? "forward" : name);
const title = (name) => (name.startsWith(FORWARD) ? `Forward to ${name.slice(FORWARD.length)}` : SERVICES[name]);
const level = (name) => { const ok = state.health[name]?.ok; return ok ? "ok" : ok === false ? "bad" : "unknown"; };
const word = (name) => { const known = state.health[name]; return known?.ok ? WELL[kind(name)] : known?.reason ? `${known.reason}.` : "Not asked yet."; };
const forwards = () => Object.keys(state.health).filter((name) => name.startsWith(FORWARD)).sort();
const WORST = ["bad", "unknown", "ok"];

export function health() {
  const chips = el("div", { class: "health", role: "group", "aria-label": "System" });
  const list = el("dl", { class: "healthlist", id: "qd-health", hidden: true });
  const banners = el("div", { class: "banners", role: "alert" });
  const root = el("div", { class: "healthbox" }, chips, list);
  const hushed = new Map();
  let open = "";

  // A chip each; all places that spans are forwarded to share one.
  function groups() {
    const names = Object.keys(SERVICES).map((name) => [name, SERVICES[name], [name]]);
    return forwards().length ? [...names, ["forward", "Forwarders", forwards()]] : names;
  }

  function draw() {
    keyed(
      chips,
      groups(),
      ([name]) => name,
      ([name]) => el("button", { class: "chip", type: "button", "data-service": name, "aria-controls": "qd-health", onclick: () => turn(open === name ? "" : name) }, el("i", { class: "dot" }), el("span")),
      (node, [name, label, members]) => {
        const worst = WORST.find((each) => members.some((member) => level(member) === each));
        attr(node, "data-state", worst);
        text(node.lastChild, label);
        const said = members.map((member) => `${title(member)}: ${word(member)}`).join("\n");
        attr(node, "title", said);
        attr(node, "aria-label", said);
        attr(node, "aria-expanded", String(open === name));
      },
    );
    list.hidden = !open;
    keyed(
      list,
      open ? groups().flatMap(([name, , members]) => members.map((member) => [name, member])) : [],
      ([, member]) => member,
      () => el("div", {}, el("dt", {}, el("i", { class: "dot" }), el("span")), el("dd")),
      (node, [name, member]) => {
        attr(node, "data-state", level(member));
        attr(node, "data-part", member);
        attr(node, "data-chosen", name === open);
        text(node.firstChild.lastChild, title(member));
        const since = state.health[member]?.since;
        text(node.lastChild, `${word(member)}${level(member) === "bad" ? ` ${LOSS[kind(member)]}` : ""}${since ? ` Since ${clock(since * 1000)}.` : ""}`);
      },
    );
    banner();
  }

  function banner() {
    const lines = [];
    if (state.connected === false) lines.push({ key: "socket", level: "bad", title: "The connection to the dashboard is lost.", more: "It comes back by itself; until then the screen stands still." });
    else
      for (const name of [...Object.keys(SERVICES), ...forwards()]) {
        const known = state.health[name];
        if (known?.ok) hushed.delete(name);
        else if (known?.ok === false && hushed.get(name) !== known.reason) lines.push({ key: name, level: name === "clickhouse" ? "bad" : "warn", title: `${title(name)}: ${known.reason}.`, more: LOSS[kind(name)] + (name === "clickhouse" && state.asOf ? ` Data as of ${clock(state.asOf)}.` : "") });
      }
    keyed(
      banners,
      lines,
      (line) => line.key,
      (line) => el("div", { class: "banner", "data-banner": line.key }, icon("warn"), el("strong"), el("span"), el("button", { type: "button", class: "act", "aria-label": "Hide this message", onclick: () => { hushed.set(line.key, state.health[line.key]?.reason); draw(); } }, icon("close", 12))),
      (node, line) => {
        attr(node, "data-level", line.level);
        text(node.children[1], line.title);
        text(node.children[2], line.more);
        node.lastChild.hidden = line.level === "bad";
      },
    );
  }

  function turn(name) {
    open = name;
    draw();
  }

  const outside = (event) => { if (open && !event.composedPath().includes(root)) turn(""); };
  document.addEventListener("pointerdown", outside);
  root.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) { event.stopPropagation(); const from = open; turn(""); chips.querySelector(`[data-service="${from}"]`)?.focus(); } });
  const offs = ["health", "connection"].map((topic) => on(topic, draw));
  draw();
  return { root, banners, stop: () => { document.removeEventListener("pointerdown", outside); offs.forEach((off) => off()); } };
}

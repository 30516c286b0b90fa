// A prompt while it is put together: what is there after so many of its parts, each coloured by where it comes from.
import { el } from "./dom.js";
import { adopt } from "./style.js";

const KINDS = { static: "written in the template", file: "from a file", previous_response: "from an earlier answer", variable: "from a variable" };
const mounted = new WeakMap();

function draw(root, { parts = [], upto = parts.length }) {
  const light = document.documentElement.dataset.qdTheme === "light";
  root.setAttribute("data-theme", light ? "light" : "dark");
  const kinds = [...new Set(parts.map((part) => part.kind))];
  const legend = el("p", { class: "legend" }, ...kinds.map((kind) => el("span", { "data-source": kind, title: KINDS[kind] ?? "" }, kind.replaceAll("_", " "))));
  const body = el("div", { class: "template", tabindex: "0", "aria-label": "The prompt so far" }, ...parts.slice(0, upto).map((part, index) =>
    el("span", { "data-source": part.kind, "data-newest": index === upto - 1 && upto < parts.length, title: [KINDS[part.kind], part.source].filter(Boolean).join(": ") }, part.text)));
  root.replaceChildren(legend, body);
  body.querySelector("[data-newest]")?.scrollIntoView({ block: "nearest" });
}

export default function (component) {
  const place = component.parentElement;
  let root = mounted.get(place);
  if (!root) {
    adopt(place.getRootNode());
    root = el("div", { class: "deck prompt-parts" });
    mounted.set(place, root);
    place.append(root);
  }
  draw(root, component.data ?? {});
  return () => {
    root.remove();
    mounted.delete(place);
  };
}

// The frame of Streamlit's own pages: the rail, the theme, and who looks.
import { bell } from "./alert_bell.js";
import { watchAlerts } from "./alert_watch.js";
import { el } from "./dom.js";
import { closeMenu } from "./menu.js";
import { pagesButton, rail } from "./rail.js";
import { adopt } from "./style.js";
import { theme } from "./theme.js";

const mounted = new WeakMap();

function build(data) {
  const root = el("div", { class: "deck frame" });
  const colours = theme(root, () => window.location.reload()); // Streamlit looks for its own theme only when it starts
  const leave = el("form", { method: "post", action: "/logout", class: "who" }, el("button", { type: "submit", title: "Log out", disabled: !data.leave }, data.person?.name ?? ""));
  const alarm = bell(watchAlerts());
  leave.hidden = !data.person?.name;
  root.append(rail(data.view), pagesButton(root, data.view), el("div", { class: "foot" }, alarm.root, leave, colours.button), alarm.notices);
  return { root, stop: () => { closeMenu(); colours.stop(); alarm.stop(); } };
}

export default function (component) {
  const place = component.parentElement;
  let host = mounted.get(place);
  if (!host) {
    adopt(place.getRootNode());
    host = build(component.data ?? {});
    mounted.set(place, host);
    place.append(host.root);
  }
  return () => {
    host.stop();
    host.root.remove();
    mounted.delete(place);
  };
}

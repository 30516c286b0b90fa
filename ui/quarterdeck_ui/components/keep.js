// What a reload must not lose and nobody would share: it stays in this tab of the browser.
const NAME = "quarterdeck.kept";

function all() {
  try { return JSON.parse(sessionStorage.getItem(NAME)) ?? {}; } catch { return {}; } // storage may be forbidden
}

export const kept = (name, otherwise) => all()[name] ?? otherwise;

export function keep(name, value) {
  try { sessionStorage.setItem(NAME, JSON.stringify({ ...all(), [name]: value })); } catch { /* then a reload loses it */ }
}

// Where `node` is scrolled to, as long as what `of()` names is in it. Call back() after each drawing: what is in it comes bit by bit.
export function keepScroll(name, node, of) {
  const key = `scroll ${name}`;
  let wanted = kept(key, null);
  const leaving = () => keep(key, { of: of(), top: node.scrollTop });
  const taken = () => { wanted = null; }; // the reader scrolls
  window.addEventListener("pagehide", leaving);
  for (const gesture of ["wheel", "touchmove", "keydown", "pointerdown"]) node.addEventListener(gesture, taken, { passive: true });
  return {
    back() {
      if (!wanted?.top || wanted.of !== of()) return false;
      const { top } = wanted;
      if (node.scrollTop !== top) node.scrollTop = top;
      if (Math.abs(node.scrollTop - top) <= 1) wanted = null;
      return true;
    },
    stop: () => window.removeEventListener("pagehide", leaving),
  };
}

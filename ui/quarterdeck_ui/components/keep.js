// What a reload must not lose and nobody would share: it stays in this tab of the browser.
const NAME = "quarterdeck.kept";

function all() {
  try { return JSON.parse(sessionStorage.getItem(NAME)) ?? {}; } catch { return {}; } // storage may be forbidden
}

export const kept = (name, otherwise) => all()[name] ?? otherwise;

export function keep(name, value) {
  try { sessionStorage.setItem(NAME, JSON.stringify({ ...all(), [name]: value })); } catch { /* then a reload loses it */ }
}

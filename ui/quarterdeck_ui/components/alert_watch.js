// The alerts of a page that has no feed of the deck: asked for every few seconds, of the server's own memory.
const EVERY_MS = 3000;

// The same two things that the feed offers: what is known, and a call when that changes.
export function watchAlerts() {
  let known = { firing: [], notices: [] };
  let told = () => {};
  let timer = 0;
  let gone = false;

  async function look() {
    try {
      const response = await fetch("/deck/alerts.json", { redirect: "manual" });
      if (response.ok) { known = await response.json(); if (!gone) told(); }
    } catch { /* away: the page says so itself, and the next look may find it */ }
    if (!gone) timer = setTimeout(look, EVERY_MS);
  }

  look();
  return { known: () => known, on: (callback) => { told = callback; return () => { gone = true; clearTimeout(timer); }; } };
}

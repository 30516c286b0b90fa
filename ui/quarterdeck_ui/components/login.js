// Whether the reader is still let in: asked when the connection is refused.

// Load the page again where it leads to the login now; otherwise the server is just away.
export async function loginAgain() {
  try {
    const response = await fetch(window.location.href, { headers: { accept: "text/html" }, redirect: "manual" });
    if (response.type === "opaqueredirect") window.location.reload();
  } catch { /* away: it is asked again at the next try */ }
}

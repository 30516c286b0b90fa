// Streamlit keeps a choice of its own between its dark and its light theme: it follows ours.
const KEY = `stActiveTheme-${window.location.pathname}-v2`;

const wanted = () => (document.documentElement.dataset.qdTheme === "light" ? "Light" : "Dark");

// Load the page again if Streamlit drew it in the other theme; it looks only when it starts.
export function agree() {
  try {
    if (window.localStorage.getItem(KEY) === JSON.stringify(wanted())) return;
    window.localStorage.setItem(KEY, JSON.stringify(wanted()));
    if (window.localStorage.getItem(KEY)) window.location.reload();
  } catch { /* storage is forbidden: the system's theme holds for Streamlit's own parts */ }
}

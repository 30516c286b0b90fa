// Part of the first page, before anything is drawn: Streamlit looks for its theme only when it starts, and follows ours.
(() => {
  let choice = "dark";
  const light = () => choice === "light" || (choice === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  try {
    choice = localStorage.getItem("quarterdeck.theme") ?? choice;
    localStorage.setItem(`stActiveTheme-${location.pathname}-v2`, JSON.stringify(light() ? "Light" : "Dark"));
  } catch { /* storage is forbidden: the system's theme holds for Streamlit's own parts */ }
  document.documentElement.dataset.qdTheme = light() ? "light" : "dark";
})();

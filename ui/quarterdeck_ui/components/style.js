// Style sheets of the components, each fetched once and shared by their shadow roots.
const load = async (name) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(await (await fetch(new URL(name, import.meta.url))).text());
  return sheet;
};
const sheets = await Promise.all(["./theme.css", "./deck.css", "./logs.css", "./bar.css", "./runs.css", "./detail.css", "./charts.css", "./alerts.css", "./menu.css", "./rail.css", "./editor.css"].map(load));

export function adopt(root) {
  const target = root instanceof ShadowRoot ? root : document;
  const missing = sheets.filter((sheet) => !target.adoptedStyleSheets.includes(sheet));
  if (missing.length) target.adoptedStyleSheets = [...target.adoptedStyleSheets, ...missing];
}

// One style sheet for every component, fetched once and shared by their shadow roots.
const sheet = new CSSStyleSheet();
sheet.replaceSync(await (await fetch(new URL("./deck.css", import.meta.url))).text());

export function adopt(root) {
  const target = root instanceof ShadowRoot ? root : document;
  if (!target.adoptedStyleSheets.includes(sheet)) target.adoptedStyleSheets = [...target.adoptedStyleSheets, sheet];
}

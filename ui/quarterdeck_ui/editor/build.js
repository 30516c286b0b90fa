// Bundle the editor, and put the licences of what is in it beside it: `node build.js [FOLDER]`.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "components");
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["main.js"],
  outfile: join(target, "editor.js"),
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  external: ["./dom.js", "./style.js"], // served beside the bundle
  metafile: true,
  legalComments: "none",
  banner: { js: "// Made by editor/build.js; licences in editor.licences.txt." },
});

const require = createRequire(import.meta.url);
const names = new Set(Object.keys(metafile.inputs).map((file) => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
const notices = [...names].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = require(join(folder, "package.json"));
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
});
writeFileSync(join(target, "editor.licences.txt"), notices.join(`\n${"-".repeat(72)}\n\n`));

// Builds what the page that seals books runs in the browser, with the licences of what is in it; fetches nothing.
// node build.mjs NODE_MODULES SOURCES OUT
import { readFile, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, sources, out] = process.argv.slice(2).map((path) => resolve(path));
const { build } = createRequire(join(modules, "x.js"))("esbuild");
const { metafile } = await build({
  entryPoints: { books: join(sources, "page.js"), "books-worker": join(sources, "worker.js") },
  outdir: out, nodePaths: [modules], bundle: true, minify: true, format: "esm", target: "es2022",
  platform: "browser", legalComments: "none", metafile: true, logLevel: "warning",
});
const inside = new Set();
for (const path of Object.keys(metafile.inputs)) {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
  if (found) inside.add(found[1]);
}
const texts = [];
for (const name of [...inside].sort()) {
  const { version, license } = JSON.parse(await readFile(join(modules, name, "package.json"), "utf8"));
  if (!["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"].includes(license)) throw new Error(`${name}: licence ${license}`);
  const file = (await readdir(join(modules, name))).find((one) => /^licen[sc]e/i.test(one));
  texts.push(`${name} ${version} (${license})\n\n${file ? await readFile(join(modules, name, file), "utf8") : "No text of its own beside the package."}`);
}
await writeFile(join(out, "LICENSES.txt"), `Bundled into books.js and books-worker.js:\n\n${texts.join(`\n${"-".repeat(78)}\n\n`)}`);

// Bundles the page into one script and one style sheet beside the server that hands them out.
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const page = process.env.WORKINGS_PAGE ?? fileURLToPath(new URL("../page/", import.meta.url));

const options = {
  entryPoints: { page: `${here}source/main.ts`, style: `${here}style/style.css` },
  outdir: page,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  loader: { ".svg": "dataurl" },
  logLevel: "warning",
};

await rm(page, { recursive: true, force: true });
await mkdir(page, { recursive: true });
for (const file of ["index.html", "icon.svg"]) await cp(`${here}${file}`, `${page}/${file}`);

if (process.argv.includes("--watch")) {
  const watching = await context({ ...options, minify: false, sourcemap: "inline" });
  await watching.watch();
} else {
  await build(options);
}

#!/usr/bin/env node
// The entry of every command. Plain JavaScript, because it must run on a Node that is too old (or
// too new) to run anything else, and say so in one sentence.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const EXIT_CONFIGURATION = 78;
const root = fileURLToPath(new URL("..", import.meta.url));
const [major, minor] = process.versions.node.split(".").map(Number);

if (!(major === 20 ? minor >= 19 : major === 21 || major === 22)) {
  process.stderr.write(
    `brigade needs Node.js 20.19 or later and below 23 (this is ${process.versions.node}): ` +
      "there is no uWebSockets.js binary for other versions.\n",
  );
  process.exit(EXIT_CONFIGURATION);
}

// Read once when the native HTTP parser is loaded; set in a thread it would not be seen.
process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= "16384";

const words = process.argv.slice(2);
const fromSource = words[0] === "--source";
if (fromSource) words.shift();
const serving = words.length === 0 || (words[0] === "serve" && words.length === 1);
const entry = serving ? "main" : "cli";

if (!fromSource && builtIsNewer()) {
  await start(new URL(`../dist/src/${entry}.js`, import.meta.url));
} else {
  const { register } = await import("tsx/esm/api");
  register();
  await start(new URL(`./${entry}.ts`, import.meta.url));
}

async function start(url) {
  // `main` starts on import, as it does under PM2; the command line is a function.
  const module = await import(url.href);
  if (entry === "cli") process.exitCode = await module.runCli(words);
}

/** True when `npm run build` was run after the last change of a source file. */
function builtIsNewer() {
  const built = join(root, "dist/src/main.js");
  if (!existsSync(built)) return false;
  const builtAt = statSync(built).mtimeMs;
  for (const folder of ["src", "workers"]) {
    // A deployment may carry no sources at all.
    if (!existsSync(join(root, folder))) continue;
    for (const name of readdirSync(join(root, folder), { recursive: true })) {
      if (!/\.(ts|mjs|sql|json)$/.test(name)) continue;
      if (statSync(join(root, folder, name)).mtimeMs > builtAt) return false;
    }
  }
  return true;
}

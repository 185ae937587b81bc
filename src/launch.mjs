#!/usr/bin/env node
// The entry of every command. Plain JavaScript, because it must run on a Node that is too old (or
// too new) to run anything else, and say so in one sentence.
const EXIT_CONFIGURATION = 78;
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
process.setSourceMapsEnabled(true);

const words = process.argv.slice(2);
const fromSource = words[0] === "--source";
if (fromSource) words.shift();
const serving = words.length === 0 || (words[0] === "serve" && words.length === 1);
const entry = serving ? "main" : "cli";

// `main` starts on import, as it does under PM2; the command line is a function.
const module = await import(await findEntry());
if (entry === "cli") process.exitCode = await module.runCli(words);

/**
 * The build if it is newer than the sources, and otherwise a new one: it starts three times as
 * fast as the sources do under tsx, in half the memory. Where no build can be made, tsx.
 */
async function findEntry() {
  const { build, canBuild, isBuilt } = await import("./build.mjs");
  if (!fromSource && (isBuilt() || (canBuild() && (await tryBuild(build))))) {
    return new URL(`../dist/src/${entry}.js`, import.meta.url).href;
  }
  const { register } = await import("tsx/esm/api");
  register();
  return new URL(`./${entry}.ts`, import.meta.url).href;
}

async function tryBuild(build) {
  try {
    await build({ check: false });
    return true;
  } catch {
    // The bundler has said why; tsx may still run it, and shows the same fault when it cannot.
    return false;
  }
}

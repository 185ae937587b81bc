import { posix } from "node:path";

const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;

/** What a layer may import beside itself. Entry points, which are no layer, compose everything. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/platform": [],
  "src/http": ["src/platform"],
  "src/auth": ["src/http", "src/platform"],
  "src/contexts": ["src/auth", "src/http", "src/platform"],
  workers: ["src/auth/token", "src/auth/password", "src/platform"],
};

/** The one worker that runs the whole application. */
const HTTP_WORKER_MAY_IMPORT = ["src/thread-app.ts", "src/http/uws", "src/auth/verify-pool.ts"];

/** An effect, and the only files that have it. A path that ends in a slash is a folder. */
const SOLE_OWNERS: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /\bprocess\s*(?:\.\s*env\b|\[)|\benv\b[^;{}]*\}\s*=\s*process\b/,
    ["src/platform/config.ts", "src/launch.mjs"],
  ],
  [/\bDate\.now\(|\bprocess\.hrtime\b|\bnew Date\(\s*\)/, ["src/platform/clock.ts"]],
  [
    /\bAtomics\.|\bnew SharedArrayBuffer\b/,
    [
      "src/platform/shared-memory.ts",
      "src/platform/metrics.ts",
      "src/http/rate-limit.ts",
      "src/auth/cache/",
    ],
  ],
  [/["']uWebSockets\.js["']/, ["src/http/uws/"]],
  [
    /(?:from|import\()\s*["'](?:piscina|node:worker_threads)["']/,
    [
      "src/auth/verify-pool.ts",
      "src/auth/password/",
      "src/platform/document-pool.ts",
      "src/main.ts",
      "src/control/",
      "src/platform/thread-port.ts",
      "workers/",
    ],
  ],
  [
    /\bnew pg\.(?:Pool|Client)\b|\bnew (?:Pg)?(?:Pool|Client)\b/,
    ["src/platform/postgres-client.ts", "src/platform/postgres-pool.ts", "src/platform/migrate.ts"],
  ],
  [
    /\bprocess\.(?:on|once|exit|kill)\(/,
    [
      "src/platform/lifecycle.ts",
      "src/platform/embedded-process.ts",
      "src/launch.mjs",
      "workers/boot.mjs",
    ],
  ],
  [/(?<![.\w])fetch\(/, ["src/platform/breaker.ts"]],
  [
    /\bconsole\.|\bprocess\.(?:stdout|stderr)\b/,
    ["src/cli.ts", "src/cli/", "src/control/banner.ts", "src/launch.mjs", "src/build.mjs"],
  ],
];

/** Every rule that this file breaks, as a sentence. */
export function faultsOf(path: string, source: string): string[] {
  const faults: string[] = [];
  const code = withoutComments(source);
  const lineCount = source.replace(/\n$/, "").split("\n").length;
  if (lineCount > LINES_MAX) faults.push(`it has ${lineCount} lines, more than ${LINES_MAX} lines`);
  faults.push(...longFunctions(source));
  for (const [effect, owners] of SOLE_OWNERS) {
    const isOwner = owners.some((owner) =>
      owner.endsWith("/") ? path.startsWith(owner) : path === owner,
    );
    // An import names its module in a string; every other effect is looked for outside of them.
    const text = /["']/.test(effect.source) ? code : withoutStrings(code);
    const found = isOwner ? null : effect.exec(text);
    if (found !== null) faults.push(`"${found[0]}" belongs to ${owners.join(", ")}`);
  }
  if (/\b(?:TODO|FIXME|XXX)\b/.test(source)) faults.push("something is left unfinished");
  faults.push(...importFaults(path, code));
  return faults;
}

function importFaults(path: string, code: string): string[] {
  const layer = Object.keys(MAY_IMPORT).find((name) => path.startsWith(`${name}/`));
  if (layer === undefined) return [];
  const context = /^src\/contexts\/[^/]+\//.exec(path)?.[0];
  const allowed = [
    layer,
    ...MAY_IMPORT[layer]!,
    ...(path === "workers/http.ts" ? HTTP_WORKER_MAY_IMPORT : []),
  ];
  const faults: string[] = [];
  for (const { target, isTypeOnly } of importsOf(path, code)) {
    if (!allowed.some((name) => target === name || target.startsWith(`${name}/`))) {
      faults.push(`it must not import ${target}`);
    }
    if (context === undefined) continue;
    if (target.startsWith("src/contexts/") && !target.startsWith(context)) {
      faults.push(`it reaches into another context: ${target}`);
    }
    if (target.startsWith("src/auth/") && !(isTypeOnly && target === "src/auth/index.ts")) {
      faults.push(`a context imports types only from auth, from src/auth/index.ts: ${target}`);
    }
  }
  return faults;
}

function importsOf(path: string, code: string): { target: string; isTypeOnly: boolean }[] {
  const statements = code.matchAll(
    /\b(import|export)\b(\s+type\b)?(?:[^"';]*?\bfrom\b|\s*\(|)\s*["'](\.[^"']+)["']/g,
  );
  return [...statements].map(([, , type, target]) => ({
    target: posix.normalize(posix.join(posix.dirname(path), target!)),
    isTypeOnly: type !== undefined,
  }));
}

/**
 * Functions that are too long, by the indentation that the formatter gives: a head ends in `{`,
 * its end is the first line with a closing brace as far to the left.
 */
function longFunctions(source: string): string[] {
  const lines = source.split("\n");
  const faults: string[] = [];
  for (const [start, line] of lines.entries()) {
    const head =
      /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:const|let) \w+ = (?:async )?(?:\(|\w+ =>)|(?:static |override |async |get |set |#)*\w+\().*\{$/.exec(
        line,
      );
    if (head === null || /^\s*(?:if|for|while|switch|catch|test)\b/.test(line)) continue;
    const end = lines.findIndex((other, at) => at > start && other.startsWith(`${head[1]}}`));
    const count = end - start + 1;
    if (count > FUNCTION_LINES_MAX) {
      faults.push(
        `the function in line ${start + 1} has ${count} lines, more than ${FUNCTION_LINES_MAX} lines`,
      );
    }
  }
  return faults;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1");
}

function withoutStrings(code: string): string {
  return code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, (text) =>
    /^["']env["']$/.test(text) ? text : '""',
  );
}

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** One process of the run: what it runs, and the script that does. */
export interface Group {
  readonly files: readonly string[];
  readonly script: string;
}

/** So many that a group of the slowest is a small part of the run. */
const FILES_MAX = 8;
/** What concerns a whole process, or brings threads and processes of its own. */
const OWN_PROCESS =
  /\bprocess\.|child_process|worker_threads|\/workers\/|support\/(?:server|journey)\.ts|globalThis|\bmock\./u;
/** Whoever runs much or waits long starts early: nobody is waited for alone at the end. */
const SLOW = [
  "test/control/process",
  "test/journeys/",
  "test/platform/embedded-postgres",
  "test/auth/mfa/browser",
  "test/http/uws/server",
  "test/cli/doctor",
];

/**
 * Puts files of one folder into one process, a suite for each: most of what a small file costs is
 * the start of a process and the loading of what it imports. A file whose tests look at their
 * process, or start others, has one of its own.
 */
export function groupFiles(root: string, built: string, files: readonly string[]): Group[] {
  const scriptOf = (file: string) => join(built, file.replace(/\.ts$/u, ".js"));
  const alone: Group[] = [];
  const neighbours = new Map<string, string[]>();
  for (const file of files) {
    if (OWN_PROCESS.test(readFileSync(join(root, file), "utf8"))) {
      alone.push({ files: [file], script: scriptOf(file) });
    } else {
      const folder = dirname(file);
      neighbours.set(folder, [...(neighbours.get(folder) ?? []), file]);
    }
  }
  mkdirSync(join(built, "groups"), { recursive: true });
  const together = [...neighbours].flatMap(([folder, members]) => {
    const count = Math.ceil(members.length / FILES_MAX);
    return Array.from({ length: count }, (_, index) => {
      const mine = members.filter((_file, at) => at % count === index);
      const name = `${folder.replaceAll(/[/\\]/gu, "-")}-${index + 1}.js`;
      const script = join(built, "groups", name);
      const place = (other: string) => relative(dirname(script), other).replaceAll("\\", "/");
      writeFileSync(script, textOf(mine, place, scriptOf));
      return { files: mine, script };
    });
  });
  return interleave(
    alone.toSorted((a, b) => rank(a) - rank(b)),
    together.toSorted((a, b) => b.files.length - a.files.length),
  );
}

function textOf(
  files: readonly string[],
  place: (script: string) => string,
  scriptOf: (file: string) => string,
): string {
  const entries = files.map((file) => {
    const load = `() => import(${JSON.stringify(place(scriptOf(file)))})`;
    return `  [${JSON.stringify(file)}, ${load}],\n`;
  });
  const runner = JSON.stringify(place(scriptOf("test/support/one-by-one.ts")));
  return `import { runOneByOne } from ${runner};\n\nawait runOneByOne([\n${entries.join("")}]);\n`;
}

function rank({ files: [file] }: Group): number {
  const at = SLOW.findIndex((name) => file!.startsWith(name));
  return at < 0 ? SLOW.length : at;
}

/** Both in their order, evenly: who waits for a clock leaves the cores to who computes. */
function interleave<T>(first: readonly T[], second: readonly T[]): T[] {
  const placed = [first, second].flatMap((list) =>
    list.map((item, index) => ({ item, at: (index + 0.5) / list.length })),
  );
  return placed.toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

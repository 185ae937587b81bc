import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli } from "../../src/cli.ts";
import { launchWords } from "../support/built.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** What somebody types when asked; without it there is no terminal. */
  readonly typed?: string;
}

export type Brigade = (words: readonly string[], options?: RunOptions) => Promise<Ran>;

function createEnvironment(env: Readonly<Record<string, string>>) {
  const dataDir = mkdtempSync(join(tmpdir(), "brigade-cli-"));
  after(() => rmSync(dataDir, { recursive: true, force: true }));
  return { NODE_ENV: "test", DATA_DIR: dataDir, ...env };
}

/** `brigade` as somebody types it: the real command in a process of its own. */
export function createBrigade(env: Readonly<Record<string, string>>): Brigade {
  const own = createEnvironment(env);
  return async (words, options = {}) => {
    const child = spawn(process.execPath, [...launchWords(), ...words], {
      cwd: ROOT,
      env: {
        PATH: process.env["PATH"]!,
        HOME: process.env["HOME"] ?? "/",
        NODE_V8_COVERAGE: "",
        ...own,
        ...options.env,
      },
    });
    const ran = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (ran.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (ran.stderr += text));
    // A command that reads nothing may be gone before we have written.
    child.stdin.on("error", () => {});
    child.stdin.end(options.stdin ?? "");
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, ...ran };
  };
}

/** The same commands in this process, for the many cases that need no process of their own. */
export function createInlineBrigade(env: Readonly<Record<string, string>>): Brigade {
  const own = createEnvironment(env);
  return async (words, options = {}) => {
    const before = { ...process.env };
    Object.assign(process.env, own, options.env);
    const ran = { stdout: "", stderr: "" };
    try {
      const code = await runCli(words, {
        out: (line) => void (ran.stdout += `${line}\n`),
        err: (line) => void (ran.stderr += `${line}\n`),
        readInput: async () => (options.stdin ?? "").replace(/\r?\n$/, ""),
        readSecret: async () => undefined,
        ask: async () => options.typed,
        progress: () => ({
          update() {},
          note: (line) => void (ran.stderr += `${line}\n`),
          end() {},
        }),
      });
      return { code, ...ran };
    } finally {
      for (const name of Object.keys(process.env)) {
        if (!(name in before)) delete process.env[name];
      }
      Object.assign(process.env, before);
    }
  };
}

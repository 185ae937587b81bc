import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Makes `dist/`, unless the runner has or it is up to date. */
export async function ensureBuilt(): Promise<void> {
  const isRunnersWork = process.env["BRIGADE_TEST_BUILT"] === "1";
  if (isRunnersWork && existsSync(join(ROOT, "dist/src/main.js"))) return;
  const { build, isBuilt } = (await import(join(ROOT, "src/build.mjs"))) as {
    build(options: { check: boolean }): Promise<void>;
    isBuilt(): boolean;
  };
  if (!isBuilt()) await build({ check: false });
}

/** How a test starts `brigade`: what the runner has built, and the sources where nobody has. */
export function launchWords(): string[] {
  const isRunnersWork = process.env["BRIGADE_TEST_BUILT"] === "1";
  return ["src/launch.mjs", ...(isRunnersWork ? [] : ["--source"])];
}

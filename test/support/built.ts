import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const isRunnersWork = () => process.env["BRIGADE_TEST_BUILT"] === "1";

/** Makes `dist/`, unless the runner has or it is up to date. */
export async function ensureBuilt(): Promise<void> {
  if (isRunnersWork() && existsSync(join(ROOT, "dist/src/main.js"))) return;
  const { build, isBuilt } = (await import(join(ROOT, "src/build.mjs"))) as {
    build(options: { check: boolean }): Promise<void>;
    isBuilt(): boolean;
  };
  if (!isBuilt()) await build({ check: false });
}

/** How a test starts `brigade`: what the runner has built, and the sources where nobody has. */
export function launchWords(): string[] {
  return ["src/launch.mjs", ...(isRunnersWork() ? [] : ["--source"])];
}

/** Where a thread or process of its own finds a file of the project: the runner has transpiled it. */
export function scriptUrl(name: string): URL {
  const file = isRunnersWork() ? `.test-build/${name.replace(/\.ts$/u, ".js")}` : name;
  return pathToFileURL(join(ROOT, file));
}

/** What Node is told so that it runs one. */
export function scriptWords(): string[] {
  return isRunnersWork() ? ["--enable-source-maps"] : ["--import", import.meta.resolve("tsx")];
}

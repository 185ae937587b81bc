import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FINDINGS } from "../../src/cli/doctor-findings.ts";
import type { ErrorTable } from "../../src/platform/errors.ts";
import { SETTINGS } from "../../src/platform/settings.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** README's table of environment variables. */
export function settingsTable(): string {
  const rows = SETTINGS.map(({ name, default: value, production, description }) => [
    `\`${name}\``,
    code(value),
    production === "required" ? "required" : code(production ?? ""),
    description,
  ]);
  return table(["Variable", "Default", "In production", "Meaning"], rows);
}

/** README's table of error codes: those of every `errors.ts`. */
export async function errorsTable(): Promise<string> {
  const rows = Object.entries(await allErrors())
    .toSorted(([a, { status: x }], [b, { status: y }]) => x - y || (a < b ? -1 : 1))
    .map(([name, { status, title }]) => [`\`${name}\``, String(status), title]);
  return table(["Code", "Status", "Title"], rows);
}

/** The table of `docs/doctor.md`. */
export function doctorTable(): string {
  const rows = Object.entries(FINDINGS).map(([name, { severity, cause, command }]) => [
    `\`${name}\``,
    severity,
    cause,
    `\`${command}\``,
  ]);
  return table(["Code", "Severity", "Cause", "What to run or change"], rows);
}

/** `.env.example`: every variable with its default, commented out. */
export function environmentExample(): string {
  const lines = [
    "# Copy to `.env` and uncomment what you change. The defaults suffice for development.",
    "# What is marked (production) must be set there.",
  ];
  for (const { name, default: value, production, description } of SETTINGS) {
    const mark =
      production === undefined
        ? ""
        : ` (production${production === "required" ? "" : `: ${production}`})`;
    lines.push("", `# ${description.replaceAll("`", "")}${mark}`, `#${name}=${value}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Every error code of the program. A code in two tables must mean the same in both. */
export async function allErrors(): Promise<ErrorTable> {
  const merged: Record<string, { status: number; title: string }> = {};
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => /(^|\/)errors\.ts$/.test(name)).toSorted()) {
    // Both loaders find the source behind this name.
    const name = file.replace(/\.ts$/u, ".js");
    const module = (await import(`../../src/${name}`)) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (!hasTable(value)) continue;
      for (const [code, kind] of Object.entries(value.table)) {
        const known = merged[code];
        if (known !== undefined && (known.status !== kind.status || known.title !== kind.title)) {
          throw new Error(`${code} has two meanings; one of them is in src/${file}`);
        }
        merged[code] = kind;
      }
    }
  }
  return merged;
}

function hasTable(value: unknown): value is { table: ErrorTable } {
  return typeof value === "object" && value !== null && "table" in value && "failure" in value;
}

function code(text: string): string {
  return text === "" ? "" : `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/**
 * Writes README's tables of settings and errors between their markers, and `.env.example`:
 *   node --import tsx test/support/print-tables.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentExample, errorsTable, settingsTable } from "./tables.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const readme = join(ROOT, "README.md");

let text = readFileSync(readme, "utf8");
for (const [marker, rows] of [
  ["settings", settingsTable()],
  ["errors", await errorsTable()],
] as const) {
  const between = new RegExp(`(<!-- ${marker} -->)[\\s\\S]*?(<!-- /${marker} -->)`);
  if (!between.test(text)) console.error(`README.md has no <!-- ${marker} --> markers`);
  // A function, because a `$` in the rows would be read as a reference.
  text = text.replace(
    between,
    (_, open: string, close: string) => `${open}\n\n${rows}\n\n${close}`,
  );
}
writeFileSync(readme, text);
writeFileSync(join(ROOT, ".env.example"), environmentExample());

/**
 * Writes the tables of README and docs/doctor.md between their markers, and `.env.example`:
 *   node --import tsx test/support/print-tables.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { doctorTable, environmentExample, errorsTable, settingsTable } from "./tables.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function renew(path: string, tables: Readonly<Record<string, string>>): void {
  let text = readFileSync(path, "utf8");
  for (const [marker, rows] of Object.entries(tables)) {
    const between = new RegExp(`(<!-- ${marker} -->)[\\s\\S]*?(<!-- /${marker} -->)`);
    if (!between.test(text)) console.error(`${path} has no <!-- ${marker} --> markers`);
    // A function, because a `$` in the rows would be read as a reference.
    text = text.replace(
      between,
      (_, open: string, close: string) => `${open}\n\n${rows}\n\n${close}`,
    );
  }
  writeFileSync(path, text);
}

renew(join(ROOT, "README.md"), { settings: settingsTable(), errors: await errorsTable() });
renew(join(ROOT, "docs/doctor.md"), { doctor: doctorTable() });
writeFileSync(join(ROOT, ".env.example"), environmentExample());

import { availableParallelism, cpus } from "node:os";
import { loadClient } from "./support/load.ts";
import { printTable, type Row } from "./support/table.ts";

/**
 * `npm run bench [NAME…]`: measures the numbers of the README and prints a table. Ratios compare
 * programs of the same run; absolute times are this machine's.
 */
const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<Row[]> }>>> = {
  warm: () => import("./warm.ts"),
  cold: () => import("./cold.ts"),
  search: () => import("./search.ts"),
  routes: () => import("./routes.ts"),
  "login-storm": () => import("./login-storm.ts"),
  enumeration: () => import("./enumeration.ts"),
  webhook: () => import("./webhook.ts"),
  revocation: () => import("./revocation.ts"),
  startup: () => import("./startup.ts"),
  reload: () => import("./reload.ts"),
  recovery: () => import("./recovery.ts"),
  "hostile-issuer": () => import("./hostile-issuer.ts"),
  micro: () => import("./micro.ts"),
};
/** Takes half an hour: only when asked for by name. */
const ASKED_FOR: typeof BENCHES = { soak: () => import("./soak.ts") };

const wanted = process.argv.slice(2);
const all = { ...BENCHES, ...ASKED_FOR };
const unknown = wanted.filter((name) => !(name in all));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}`);
  process.exit(2);
}
console.log(
  `Node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), load client ${loadClient}`,
);
const rows: Row[] = [];
for (const name of wanted.length > 0 ? wanted : Object.keys(BENCHES)) {
  console.log(`\n${name} …`);
  const bench = await all[name]!();
  const found = await bench.run();
  rows.push(...found);
  printTable(found);
}
if (wanted.length !== 1) {
  console.log();
  printTable(rows);
}
process.exitCode = rows.some((row) => row.holds === false) ? 1 : 0;

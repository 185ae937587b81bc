import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  foreignPermissions,
  isRoleName,
  PERMISSIONS,
} from "../../../src/contexts/iam/catalogue.ts";
import { CONTEXTS, type ContextName } from "../../../src/http/principal.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";

const { database, drop } = await withDatabase();
after(drop);

const CONTRACT = fileURLToPath(
  new URL("../../../../shared/contract/00-overview.md", import.meta.url),
);

interface SeededRole {
  context: ContextName;
  name: string;
  permissions: string[];
}

async function seeded(): Promise<SeededRole[]> {
  const { rows } = await database.query<SeededRole>(
    sql`SELECT context, name, permissions FROM iam.roles ORDER BY context, name`,
  );
  return rows;
}

test(
  "the seeded catalogue and the permissions are those of the contract",
  { skip: existsSync(CONTRACT) ? false : "../shared is not here" },
  async () => {
    const text = readFileSync(CONTRACT, "utf8");
    const tables = text.slice(text.indexOf("**Permission enums**"), text.indexOf("Only five"));
    const rows = tables.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const known = new Map<string, string[]>();
    const roles: SeededRole[] = [];
    for (const [, first = "", second = "", third = ""] of rows) {
      const words = (cell: string) =>
        cell.split(",").map((word) => word.replaceAll("`", "").trim());
      if (first.startsWith("`")) known.set(words(first)[0]!, words(second));
      else if (second.startsWith("`")) {
        const [name = ""] = words(second);
        roles.push({ context: first as ContextName, name, permissions: words(third) });
      }
    }
    assert.equal(known.size, CONTEXTS.length);
    for (const context of CONTEXTS) assert.deepEqual([...PERMISSIONS[context]], known.get(context));
    assert.equal(roles.length, 30);
    const byKey = (a: SeededRole, b: SeededRole) =>
      `${a.context} ${a.name}`.localeCompare(`${b.context} ${b.name}`, "en");
    assert.deepEqual((await seeded()).toSorted(byKey), roles.toSorted(byKey));
  },
);

test("no seeded role holds a permission of another context, and each context has a user role", async () => {
  const roles = await seeded();
  for (const { context, name, permissions } of roles) {
    assert.deepEqual(foreignPermissions(context, permissions), [], `${context}:${name}`);
    assert.ok(isRoleName(name), name);
  }
  for (const context of CONTEXTS) {
    assert.ok(roles.some((role) => role.context === context && role.name === "user"));
  }
});

test("a permission belongs to its own context, not to that of iam", () => {
  assert.deepEqual(foreignPermissions("products_catalog", ["manage_products"]), []);
  assert.deepEqual(foreignPermissions("iam", ["manage_products", "manage_roles"]), [
    "manage_products",
  ]);
});

test("role names are short lower-case words, and some are reserved", () => {
  for (const good of ["abc", "menu_manager_2", "a".repeat(50)]) assert.ok(isRoleName(good), good);
  for (const bad of [
    "ab",
    "a".repeat(51),
    "Menu",
    "menu-manager",
    "café",
    "abc\n",
    "root",
    "elevated",
  ]) {
    assert.ok(!isRoleName(bad), bad);
  }
});

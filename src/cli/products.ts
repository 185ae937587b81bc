import {
  createProductsCatalog,
  importProducts,
  seedProducts,
} from "../contexts/products-catalog/index.ts";
import { seedRecipes } from "../contexts/recipes-catalog/index.ts";
import { systemClock } from "../platform/clock.ts";
import { DEFAULT_TENANT_ID, normaliseUuid } from "../platform/ids.ts";
import { cliLimits } from "../platform/limits.ts";
import { defineCommand, EXIT, UsageError } from "./command.ts";
import { withWorkspace } from "./open-database.ts";
import { printable } from "./terminal.ts";
import { importUsersCommand } from "./transfer-users.ts";

const FORMATS = ["taco", "csv", "jsonl"] as const;
type Format = (typeof FORMATS)[number];

export const importCommands = [
  importUsersCommand,
  defineCommand({
    name: "import products",
    summary: "Reads products into the catalogue. Doing it again changes nothing.",
    positionals: ["PATH"],
    options: {
      format: {
        type: "string",
        value: "FORMAT",
        description: "taco (a folder of five tables), csv or jsonl (a file); required",
      },
      map: {
        type: "string",
        value: "FILE",
        description: "csv only, required: which column is what, as JSON",
      },
      source: {
        type: "string",
        value: "NAME",
        description: "Source of the rows that name none (default manual)",
      },
      json: { type: "boolean", description: "The counts as JSON" },
    },
    notes: [
      "A bad row is named with its line and its reason on standard error and skipped.",
      "Killed half-way, nothing that was counted is lost: start it again.",
    ],
    async run({ values, positionals, terminal }) {
      const format = readFormat(values.format);
      if (format === "csv" && values.map === undefined) throw new UsageError("--map is missing");
      if (format !== "csv" && values.map !== undefined) {
        throw new UsageError("--map goes with --format csv only");
      }
      return await withWorkspace(terminal, async ({ database, log }) => {
        const progress = terminal.progress("products");
        const counts = await importProducts({
          database,
          format,
          path: positionals[0]!,
          ...(values.map === undefined ? {} : { mapPath: values.map }),
          ...(values.source === undefined ? {} : { source: values.source }),
          onProgress: progress.update,
          onRejected: ({ line, reason }) => progress.note(`line ${line}: ${printable(reason)}`),
          log,
        }).finally(progress.end);
        terminal.out(
          values.json === true
            ? JSON.stringify(counts)
            : Object.entries(counts)
                .map(([name, count]) => `${count} ${name}`)
                .join(", "),
        );
        return EXIT.ok;
      });
    },
  }),
];

function readFormat(text: string | undefined): Format {
  const format = FORMATS.find((known) => known === text);
  if (format === undefined) throw new UsageError(`--format must be one of ${FORMATS.join(", ")}`);
  return format;
}

/** Whose the made-up recipes are when nobody is named. */
const NOBODY = "00000000-0000-7000-8000-0000000005ed";

export const seedCommands = [
  defineCommand({
    name: "seed",
    summary: "Makes up products, or recipes in the menus of clients. Adds what is missing.",
    positionals: [],
    options: {
      products: { type: "string", value: "COUNT", description: "How many there are to be" },
      recipes: { type: "string", value: "COUNT", description: "How many the author is to have" },
      clients: { type: "string", value: "COUNT", description: "How many the author is to have" },
      author: {
        type: "string",
        value: "USER_ID",
        description: "Whose recipes and clients they are (default: nobody's)",
      },
    },
    async run({ values, terminal }) {
      const counts = {
        products: readCount("products", values.products),
        recipes: readCount("recipes", values.recipes),
        clients: readCount("clients", values.clients),
      };
      const authorId = normaliseUuid(values.author ?? NOBODY);
      if (authorId === undefined) throw new UsageError("--author must be a user id");
      if (Object.values(counts).every((count) => count === undefined)) {
        throw new UsageError("--products, --recipes or --clients is missing");
      }
      return await withWorkspace(terminal, async ({ database, log }) => {
        let added = 0;
        const { products, recipes, clients } = counts;
        if (products !== undefined) {
          const progress = terminal.progress("products");
          added += await seedProducts(database, products, progress.update).finally(progress.end);
        }
        if (recipes !== undefined || clients !== undefined) {
          const progress = terminal.progress("recipes");
          const { similarProducts } = createProductsCatalog({ database, clock: systemClock, log });
          const wanted = { recipes: recipes ?? 0, clients: clients ?? 0 };
          const seed = { ...wanted, authorId, tenantId: DEFAULT_TENANT_ID };
          added += await seedRecipes(database, similarProducts, seed, progress.update).finally(
            progress.end,
          );
        }
        terminal.out(`${added} added`);
        return EXIT.ok;
      });
    },
  }),
];

function readCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : NaN;
  if (!(count <= cliLimits.seedMaxCount)) {
    throw new UsageError(`--${name} must be a number from 1 to ${cliLimits.seedMaxCount}`);
  }
  return count;
}

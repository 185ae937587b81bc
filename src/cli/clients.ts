import { createClients, type ClientActor, type Clients } from "../auth/oauth/clients.ts";
import { readScope } from "../auth/oauth/scope.ts";
import { pageClients, type Client } from "../auth/oauth/store.ts";
import { DEFAULT_TENANT_ID, normaliseUuid } from "../platform/ids.ts";
import { AppError } from "../platform/errors.ts";
import { clientLimits, pagingLimits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { assertRolesExist, CLI, readRoleName, withDirectory, type Directory } from "./directory.ts";
import { toTable, type Terminal } from "./terminal.ts";

const json = { type: "boolean", description: "JSON in place of lines" } as const;
const OF_DEFAULT = "Clients of the tenant `default`.";

export const clientCommands = [
  defineCommand({
    name: "clients create",
    summary: "Registers a machine client and prints its secret once.",
    positionals: ["NAME"],
    options: {
      scope: {
        type: "string",
        multiple: true,
        value: "CONTEXT:PERMISSION",
        description: "The most that its tokens may be used for; more than once for more",
      },
      role: {
        type: "string",
        multiple: true,
        value: "CONTEXT:NAME",
        description: "A role to give, like iam:auditor",
      },
      audience: {
        type: "string",
        multiple: true,
        value: "URL",
        description: "An audience beside our own",
      },
      json,
    },
    notes: [OF_DEFAULT, "A token may do what its scope and the client's roles both allow."],
    run: ({ values, positionals, terminal }) =>
      withClients(terminal, async (clients, directory) => {
        const scopes = (values.scope ?? []).flatMap((text) => {
          const words = readScope(text);
          if (words === undefined) throw new UsageError(`'${text}' is not context:permission`);
          return words;
        });
        const roles = (values.role ?? []).map(readRoleName);
        await assertRolesExist(directory, DEFAULT_TENANT_ID, roles);
        const request = {
          name: positionals[0]!,
          scopes,
          audiences: values.audience ?? [],
          refreshTokens: false,
        };
        const { client, secret } = await clients.create(request, BY);
        const { id: userId, tenantId } = client;
        for (const role of roles)
          await directory.iam.users.assignRole({ userId, tenantId, ...role, by: CLI });
        print(terminal, values.json, client, secret);
      }),
  }),
  defineCommand({
    name: "clients list",
    summary: "Lists the machine clients; never a secret.",
    positionals: [],
    options: { json: { type: "boolean", description: "JSON lines in place of a table" } },
    notes: [OF_DEFAULT],
    run: ({ values, terminal }) =>
      withClients(terminal, async (_, { database }) => {
        const limit = pagingLimits.pageMaxCount;
        const rows: string[][] = [];
        for (let skip = 0; ; skip += limit) {
          const page = await pageClients(database, { tenantId: DEFAULT_TENANT_ID, skip, limit });
          for (const client of page.clients) {
            if (values.json === true) terminal.out(JSON.stringify(toJson(client)));
            const { id, name, active, scopes } = client;
            rows.push([id, name, active ? "yes" : "no", scopes.join(" ")]);
          }
          if (skip + limit >= page.total) break;
        }
        const header = ["CLIENT ID", "NAME", "ACTIVE", "SCOPES"];
        if (values.json !== true) for (const line of toTable(header, rows)) terminal.out(line);
      }),
  }),
  defineCommand({
    name: "clients rotate",
    summary: "Gives a machine client another secret and prints it once.",
    positionals: ["ID"],
    options: {
      overlap: {
        type: "string",
        value: "SECONDS",
        description:
          "How long the former secret stays good; 0 ends it and every token. Default: a day",
      },
      json,
    },
    run: ({ values, positionals, terminal }) =>
      withClients(terminal, async (clients) => {
        const overlap = Number(values.overlap ?? clientLimits.overlapSeconds);
        if (!Number.isInteger(overlap) || overlap < 0 || overlap > clientLimits.overlapMaxSeconds) {
          throw new UsageError(`--overlap is a number from 0 to ${clientLimits.overlapMaxSeconds}`);
        }
        const id = readId(positionals[0]!);
        const { client, secret } = await clients.rotateSecret(id, overlap, BY);
        print(terminal, values.json, client, secret);
      }),
  }),
  changeCommand(
    "disable",
    "Shuts a machine client out; its tokens are refused at once.",
    (clients, id) => clients.setActive(id, false, BY),
  ),
  changeCommand(
    "enable",
    "Lets a machine client in again; tokens of before stay refused.",
    (clients, id) => clients.setActive(id, true, BY),
  ),
  changeCommand(
    "remove",
    "Removes a machine client; its tokens are refused at once.",
    (clients, id) => clients.remove(id, BY),
  ),
];

const BY: ClientActor = { tenantId: DEFAULT_TENANT_ID, actor: "cli", caller: undefined };

function changeCommand(
  verb: "disable" | "enable" | "remove",
  summary: string,
  change: (clients: Clients, id: string) => Promise<unknown>,
) {
  return defineCommand({
    name: `clients ${verb}`,
    summary,
    positionals: ["ID"],
    options: {},
    run: ({ positionals, terminal }) =>
      withClients(terminal, async (clients) => {
        const id = readId(positionals[0]!);
        await change(clients, id);
        terminal.out(`${id}: ${verb}d`);
      }),
  });
}

function withClients(
  terminal: Terminal,
  use: (clients: Clients, directory: Directory) => Promise<void>,
): Promise<number> {
  return withDirectory(terminal, async (directory) => {
    const { database, invalidate, iam, config } = directory;
    const { provisionUser } = iam;
    const ownIssuer = config.publicUrl;
    try {
      await use(createClients({ database, invalidate, provisionUser, ownIssuer }), directory);
    } catch (error) {
      if (error instanceof AppError && error.code === "not_found") {
        throw new CommandFailure("there is no such client (see brigade clients list)");
      }
      throw error;
    }
    return EXIT.ok;
  });
}

function readId(text: string): string {
  const id = normaliseUuid(text);
  if (id === undefined) throw new UsageError(`'${text}' is no client id`);
  return id;
}

function print(terminal: Terminal, asJson: boolean | undefined, client: Client, secret: string) {
  const made = { ...toJson(client), client_secret: secret };
  const lines = [`client_id: ${client.id}`, `client_secret: ${secret}`];
  for (const line of asJson === true ? [JSON.stringify(made)] : lines) terminal.out(line);
}

function toJson({ id, name, active, scopes, audiences }: Client) {
  return { client_id: id, name, active, scopes, audiences };
}

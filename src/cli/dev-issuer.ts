import { devIssuerSecret, loadEnvironmentFile } from "../platform/config.ts";
import { onSignal } from "../platform/lifecycle.ts";
import { devIssuerLimits as limits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT, UsageError, type ValuesOf } from "./command.ts";
import { describeIssuer } from "./dev-issuer/banner.ts";
import { POOL_ID } from "./dev-issuer/pool.ts";
import { DEFAULT_POOL, startDevIssuer, type DevIssuerOptions } from "./dev-issuer/start.ts";

const OPTIONS = {
  port: {
    type: "string",
    value: "PORT",
    description: `On 127.0.0.1; ${limits.defaultPort} unless told, 0: any that is free`,
  },
  host: { type: "string", value: "HOST", description: "127.0.0.1 or localhost, and nothing else" },
  pool: {
    type: "string",
    multiple: true,
    value: "ID",
    description: `A user pool; ${DEFAULT_POOL} unless told. The first one gets what follows`,
  },
  client: { type: "string", value: "ID", description: "The app client that has a secret" },
  "public-client": { type: "string", value: "ID", description: "The app client without a secret" },
  user: {
    type: "string",
    multiple: true,
    value: "EMAIL",
    description: "A user, with a password made up and shown; dev@brigade.example unless told",
  },
  group: {
    type: "string",
    multiple: true,
    value: "NAME",
    description: "A group; the users above are in it",
  },
  scope: {
    type: "string",
    multiple: true,
    value: "SCOPE",
    description:
      "resource/scope that clients may ask for; brigade/read and brigade/write unless told",
  },
  "access-seconds": {
    type: "string",
    value: "N",
    description: "Life of access and id tokens; 3600",
  },
  "refresh-seconds": { type: "string", value: "N", description: "Life of refresh tokens; 30 days" },
} as const;

type Values = ValuesOf<typeof OPTIONS>;

export const devIssuerCommands = [
  defineCommand({
    name: "dev-issuer",
    summary: "Starts a user pool of Cognito's kind on loopback, for development; in memory alone.",
    positionals: [],
    options: OPTIONS,
    notes: [
      "Ends with SIGTERM or Ctrl-C. Keys are made at each start. No AWS signature is checked.",
      "Refuses to start where the environment looks like production.",
    ],
    async run({ values, terminal }) {
      const options = readOptions(values);
      loadEnvironmentFile();
      const clientSecret = devIssuerSecret();
      const issuer = await start({
        ...options,
        ...(clientSecret === undefined ? {} : { clientSecret }),
      });
      const isSecretNew = clientSecret === undefined;
      for (const line of describeIssuer(issuer, { isSecretNew })) terminal.out(line);
      await new Promise<void>((resolve) => onSignal(() => resolve()));
      await issuer.stop();
      return EXIT.ok;
    },
  }),
];

function readOptions(values: Values): DevIssuerOptions {
  const { host = "127.0.0.1", pool = [DEFAULT_POOL], group = [], scope = [] } = values;
  if (host !== "127.0.0.1" && host !== "localhost") {
    throw new UsageError("--host must be 127.0.0.1 or localhost: others must not reach it");
  }
  if (pool.length > limits.poolsMaxCount || new Set(pool).size !== pool.length) {
    throw new UsageError("--pool: each pool once, and not so many");
  }
  for (const id of pool) {
    if (!POOL_ID.test(id)) throw new UsageError(`--pool '${id}' is not like ${DEFAULT_POOL}`);
  }
  for (const one of scope) {
    if (!/^[\w.-]+\/[\w.:-]+$/.test(one)) throw new UsageError("--scope is like resource/scope");
  }
  const emails = values.user ?? ["dev@brigade.example"];
  for (const email of emails) {
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new UsageError("--user is an e-mail address");
  }
  const accessSeconds = readSeconds(values, "access-seconds") ?? limits.accessSeconds;
  const refreshSeconds = readSeconds(values, "refresh-seconds") ?? limits.refreshSeconds;
  return {
    port: readNumber(values.port, "--port", 0, 65_535) ?? limits.defaultPort,
    pools: pool,
    ...(values.client === undefined ? {} : { clientId: readClient(values, "client") }),
    ...(values["public-client"] === undefined
      ? {}
      : { publicClientId: readClient(values, "public-client") }),
    groups: group,
    scopes: scope,
    users: emails.map((email) => ({ email, groups: group })),
    lives: { accessSeconds, idSeconds: accessSeconds, refreshSeconds },
  };
}

function readClient(values: Values, name: "client" | "public-client"): string {
  const id = values[name]!;
  if (!/^[\w+]{1,128}$/.test(id)) throw new UsageError(`--${name} has letters, digits, _ and +`);
  return id;
}

function readSeconds(values: Values, name: "access-seconds" | "refresh-seconds") {
  return readNumber(values[name], `--${name}`, limits.lifeSecondsMin, limits.lifeSecondsMax);
}

function readNumber(text: string | undefined, name: string, min: number, max: number) {
  if (text === undefined) return undefined;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${name} must be a number from ${min} to ${max}`);
}

async function start(options: DevIssuerOptions) {
  try {
    return await startDevIssuer(options);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EADDRINUSE") throw error;
    throw new CommandFailure(`port ${options.port} is taken; --port 0 finds a free one`);
  }
}

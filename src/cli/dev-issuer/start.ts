import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { generatePassword } from "../../auth/password/generator.ts";
import { ConfigError, productionSigns } from "../../platform/config.ts";
import { randomToken } from "../../platform/ids.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { GENERATED_PASSWORD } from "./actions-users.ts";
import { createControl, type Control } from "./control.ts";
import { createDirectory } from "./directory.ts";
import { createFaults } from "./faults.ts";
import { createMovableClock } from "./movable-clock.ts";
import { createPool, POOL_ID, type AppClient, type Lives, type Pool } from "./pool.ts";
import { respond, type Service } from "./respond.ts";

export interface DevIssuerUser {
  readonly email: string;
  /** Made up where it is left out. */
  readonly password?: string;
  readonly groups?: readonly string[];
  /** For example `custom:roles`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface DevIssuerOptions {
  /** 0: any that is free. */
  readonly port?: number;
  /** The first one gets the users. */
  readonly pools?: readonly string[];
  /** Has a secret. Of the first pool; the others' are made up, as everything is that is left out. */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Has none. */
  readonly publicClientId?: string;
  readonly scopes?: readonly string[];
  readonly groups?: readonly string[];
  readonly users?: readonly DevIssuerUser[];
  readonly lives?: Partial<Lives>;
}

export interface DevIssuer extends Control {
  readonly url: string;
  /** The first pool. */
  readonly poolId: string;
  readonly region: string;
  readonly issuer: string;
  readonly jwksUri: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly publicClientId: string;
  readonly scopes: readonly string[];
  readonly pools: readonly Pick<Pool, "id" | "issuer" | "clients">[];
  readonly users: readonly { email: string; password: string; sub: string }[];
  readonly controlToken: string;
  stop(): Promise<void>;
}

export const DEFAULT_POOL = "us-east-1_DevPool1";
export const DEFAULT_SCOPES = Object.freeze(["brigade/read", "brigade/write"]);

/**
 * Starts a user pool of Cognito's kind on loopback, in memory, with keys of its own. Throws
 * `ConfigError` where the environment looks like production.
 */
export async function startDevIssuer(options: DevIssuerOptions = {}): Promise<DevIssuer> {
  const signs = productionSigns();
  if (signs.length > 0) {
    throw new ConfigError([
      `dev-issuer is for development, and ${signs.join(", ")} says production`,
    ]);
  }
  let open!: (service: Service) => void;
  const service = new Promise<Service>((resolve) => (open = resolve));
  const server = createServer({ requestTimeout: limits.requestMs }, (request, response) => {
    void answerWhenReady(service, request, response);
  });
  const url = await listen(server, options.port ?? limits.defaultPort);
  try {
    const issuer = await openPools(url, options);
    open(issuer.service);
    return {
      ...issuer.described,
      ...issuer.service.control,
      url,
      controlToken: issuer.service.controlToken,
      stop: () => stop(server),
    };
  } catch (error) {
    await stop(server);
    throw error;
  }
}

async function openPools(url: string, options: DevIssuerOptions) {
  const clock = createMovableClock();
  const ids = options.pools?.length ? options.pools : [DEFAULT_POOL];
  if (!ids.every((id) => POOL_ID.test(id)) || new Set(ids).size !== ids.length) {
    throw new RangeError("ids of pools are like us-east-1_DevPool1, each another");
  }
  const lives: Lives = { ...defaultLives(), ...options.lives };
  const scopes = options.scopes?.length ? options.scopes : DEFAULT_SCOPES;
  const pools = await Promise.all(
    ids.map((id, index) => {
      const clients = clientsOf(id, index === 0 ? options : {});
      return createPool({ url, id, clients, scopes, lives, clock });
    }),
  );
  const first = pools[0]!;
  const users = await addUsers(first, options);
  const faults = createFaults();
  const requests = new Map<string, number>();
  const service: Service = {
    url,
    directory: createDirectory(pools),
    control: createControl({ pools, clock, faults, requests }),
    controlToken: randomToken(32),
    faults,
    requests,
  };
  const [confidential, open] = first.clients;
  const described = {
    poolId: first.id,
    region: first.region,
    issuer: first.issuer,
    jwksUri: `${first.issuer}/.well-known/jwks.json`,
    tokenEndpoint: `${url}/oauth2/token`,
    clientId: confidential!.id,
    clientSecret: confidential!.secret!,
    publicClientId: open!.id,
    scopes,
    pools: pools.map(({ id, issuer, clients }) => ({ id, issuer, clients })),
    users,
  };
  return { service, described };
}

const defaultLives = (): Lives => ({
  accessSeconds: limits.accessSeconds,
  idSeconds: limits.idSeconds,
  refreshSeconds: limits.refreshSeconds,
});

/** The ids are the same at each start, so that the settings of a server go on to fit. */
function clientsOf(
  poolId: string,
  { clientId, clientSecret, publicClientId }: DevIssuerOptions,
): readonly AppClient[] {
  return [
    { id: clientId ?? idOf("client", poolId), secret: clientSecret ?? randomToken(32) },
    { id: publicClientId ?? idOf("public client", poolId), secret: undefined },
  ];
}

async function addUsers(pool: Pool, { users = [], groups = [] }: DevIssuerOptions) {
  const wanted = new Set([...groups, ...users.flatMap((user) => user.groups ?? [])]);
  for (const name of wanted) {
    pool.users.groups.add({ name, description: undefined, precedence: undefined });
  }
  const added = [];
  for (const { email, password = generatePassword({}, GENERATED_PASSWORD), ...given } of users) {
    const attributes = new Map([
      ["email_verified", "true"],
      ...Object.entries(given.attributes ?? {}),
    ]);
    const sub = subjectOf(pool.id, email);
    const user = pool.users.add({ username: email, attributes, status: "CONFIRMED", sub });
    await pool.users.setPassword(user, password);
    for (const name of given.groups ?? []) user.groups.add(name);
    added.push({ email, password, sub });
  }
  return added;
}

/** 26 small letters and digits, as Cognito makes them. */
function idOf(what: string, poolId: string): string {
  const digest = createHash("sha256").update(`${what} of ${poolId}`).digest("hex");
  return BigInt(`0x${digest}`).toString(36).slice(0, 26);
}

/** The same at each start: what a server knows of a user goes on to be true. */
function subjectOf(poolId: string, email: string): string {
  const hex = createHash("sha256").update(`${poolId} ${email.toLowerCase()}`).digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join("-");
}

async function answerWhenReady(
  service: Promise<Service>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await respond(await service, request, response);
}

async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

import { randomUUID } from "node:crypto";
import { ensureBuilt } from "../../test/support/built.ts";
import { startServer, type StartOptions, type TestServer } from "../../test/support/server.ts";

export interface BenchServer extends TestServer {
  readonly accessToken: string;
  readonly email: string;
  readonly password: string;
}

/** Starts the built server with rate limits out of the way (they are still computed). */
export async function startBenchServer(options: StartOptions = {}): Promise<BenchServer> {
  await ensureBuilt();
  const server = await startServer({
    built: true,
    ...options,
    env: {
      ACCESS_LOG: "off",
      LOG_LEVEL: "warn",
      RATE_LIMIT_DEFAULT: "10000000/hour",
      ...options.env,
    },
  });
  const email = `bench-${randomUUID()}@brigade.example`;
  const password = `Bench ${randomUUID()}`;
  try {
    const { access_token: accessToken } = await register(server.url, email, password);
    return { ...server, accessToken, email, password };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** @param address whose budget of registrations is used; the server has to trust us in this */
export async function register(
  url: string,
  email: string,
  password: string,
  address?: string,
): Promise<Tokens> {
  return await post(`${url}/auth/register`, { email, password }, address);
}

export async function login(url: string, email: string, password: string): Promise<Tokens> {
  return await post(`${url}/auth/login`, { email, password });
}

async function post(url: string, body: unknown, address?: string): Promise<Tokens> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(address === undefined ? {} : { "x-forwarded-for": address }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Tokens;
}

import assert from "node:assert/strict";
import { readdirSync, readlinkSync, realpathSync } from "node:fs";

/** What every story needs: to ask, to wait, to see who runs. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, any>;
}

export interface Question {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own: stopping a server need not wait for idle ones. */
export async function ask(url: string, question: Question = {}): Promise<Answer> {
  const { method = "GET", token, body, headers = {} } = question;
  const response = await fetch(url, {
    method,
    headers: {
      connection: "close",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith("{") ? (JSON.parse(text) as Record<string, any>) : {},
  };
}

/** Polls until it is true; a refused or broken connection counts as "not yet". */
export async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (let turn = 0; turn < 1_200; turn++) {
    try {
      if (await isTrue()) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`it never happened: ${what}`);
}

/** Registers an account and answers its tokens. */
export async function register(serverUrl: string, email: string, password: string) {
  const { status, body } = await ask(`${serverUrl}/auth/register`, {
    method: "POST",
    body: { email, password },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body as unknown as { access_token: string; refresh_token: string };
}

/** Processes that work in a folder: those of a PostgreSQL on these data. Linux only. */
export function processesIn(folder: string): number[] {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch {
    return [];
  }
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === real;
      } catch {
        return false;
      }
    })
    .map(Number);
}

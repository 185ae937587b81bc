import { fetchLimited } from "../platform/breaker.ts";
import { systemClock } from "../platform/clock.ts";
import { smokeCredentials } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import { cliLimits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

interface Credentials {
  readonly email: string;
  readonly password: string;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Asks for one path; `accessToken` is sent as the bearer. */
type Ask = (
  method: "GET" | "POST",
  path: string,
  options?: { accessToken?: string; body?: object },
) => Promise<Answer>;

export const smokeCommands = [
  defineCommand({
    name: "smoke",
    summary: "Checks a running server from outside: health, login, authenticated reads, logout.",
    positionals: ["URL"],
    options: {
      email: {
        type: "string",
        value: "EMAIL",
        description: "Log in as this account (else BRIGADE_SMOKE_EMAIL)",
      },
      "password-stdin": {
        type: "boolean",
        description: "Read the password from standard input (else BRIGADE_SMOKE_PASSWORD)",
      },
    },
    notes: ["Prints one line for each step and ends with 1 at the first that fails."],
    async run({ values, positionals, terminal }) {
      const origin = readOrigin(positionals[0]!);
      const credentials = await readCredentials(values, terminal);
      if (!isPrivateChannel(origin)) {
        terminal.err("brigade: the password travels unencrypted to this URL");
      }
      await smoke(createAsk(origin), credentials, terminal);
      return EXIT.ok;
    },
  }),
];

function readOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable =
    url !== undefined &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.username === "" &&
    url.search === "" &&
    url.hash === "";
  if (!usable) throw new UsageError("URL must be like https://api.example");
  return url;
}

function isPrivateChannel({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

async function readCredentials(
  values: { email?: string | undefined; "password-stdin"?: boolean | undefined },
  terminal: Terminal,
): Promise<Credentials> {
  const configured = smokeCredentials();
  const email = values.email ?? configured.email;
  const password =
    values["password-stdin"] === true ? await terminal.readInput() : configured.password;
  if (email === undefined || email === "") {
    throw new UsageError("set BRIGADE_SMOKE_EMAIL or give --email");
  }
  if (password === undefined || password === "") {
    throw new UsageError("set BRIGADE_SMOKE_PASSWORD or give --password-stdin");
  }
  return { email, password };
}

function createAsk(origin: URL): Ask {
  const base = origin.href.replace(/\/+$/, "");
  return async (method, path, { accessToken, body } = {}) => {
    const reply = await fetchLimited(base + path, {
      method,
      headers: {
        accept: "application/json",
        ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: cliLimits.smokeStepTimeoutMs,
      bytesMax: cliLimits.answerMaxBytes,
    });
    return { status: reply.status, body: readJson(reply.body) };
  };
}

function readJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

async function smoke(ask: Ask, credentials: Credentials, terminal: Terminal): Promise<void> {
  const step = createStep(terminal);
  await step(
    "health",
    () => ask("GET", "/health"),
    200,
    ({ body }) => body["status"] === "healthy",
  );
  const { email, password } = credentials;
  const login = await step(
    "login",
    () => ask("POST", "/auth/login", { body: { email, password } }),
    200,
    ({ body }) => typeof body["access_token"] === "string",
  );
  const accessToken = login.body["access_token"] as string;
  await step(
    "who am I",
    () => ask("GET", "/auth/whoami", { accessToken }),
    200,
    ({ body }) => body["is_authenticated"] === true,
  );
  await step(
    "products",
    () => ask("GET", "/v1/products/search?limit=1", { accessToken }),
    200,
    ({ body }) => Array.isArray(body["data"]),
  );
  await step("logout", () => ask("POST", "/auth/logout", { accessToken, body: {} }), 200);
  await step("token is dead", () => ask("GET", "/auth/whoami", { accessToken }), 401);
}

function createStep(terminal: Terminal) {
  return async (
    name: string,
    run: () => Promise<Answer>,
    status: number,
    isGood: (answer: Answer) => boolean = () => true,
  ): Promise<Answer> => {
    const startedMs = systemClock.monotonicMs();
    const line = (verdict: string, rest: string) => {
      const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
      terminal.out(`${verdict.padEnd(6)} ${name.padEnd(14)} ${rest}  ${tookMs} ms`);
    };
    let answer: Answer;
    try {
      answer = await run();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      line("FAILED", "no answer");
      throw new CommandFailure(`${name}: no answer (${reasonOf(error)})`, { cause: error });
    }
    if (answer.status !== status || !isGood(answer)) {
      const code = answer.body["error_code"];
      const got = typeof code === "string" ? `${answer.status} ${code}` : String(answer.status);
      line("FAILED", got);
      throw new CommandFailure(
        `${name}: expected ${status}, got ${got}${answer.status === status ? " with another body" : ""}`,
      );
    }
    line("ok", String(answer.status));
    return answer;
  };
}

/** The innermost reason: `fetch failed` alone helps nobody. */
function reasonOf(error: Error): string {
  let reason: unknown = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  const { code, message } = reason as NodeJS.ErrnoException;
  return code ?? message;
}

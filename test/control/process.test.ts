import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { freePort, spawnServer, startServer, type TestServer } from "../support/server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXIT_CONFIGURATION = 78;

let database: TestDatabase;
before(async () => {
  database = await withDatabase();
});
after(() => database.drop());

const start = (env: Record<string, string> = {}, preload: string[] = []) =>
  startServer({ databaseUrl: database.url, env, preload });

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

/** Polls until `ask` is true; a test that waits forever is ended by the runner. */
async function until(what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it never happened: ${what}`);
}

test("a server says ready when it serves, and SIGTERM ends it with 0", async () => {
  const server = await start();
  assert.equal(await statusOf(`${server.url}/health`), 200);
  assert.equal(await statusOf(`${server.url}/health/ready`), 200);
  const { code, signal } = await server.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.output());
  const messages = server.logLines().map((line) => line["message"]);
  assert.ok(messages.includes("ready") && messages.includes("drained"), messages.join());
});

test("a request that is being answered when the drain begins gets its answer", async () => {
  const server = await start({ PASSWORD_THREADS: "1" });
  const register = (name: string) =>
    fetch(`${server.url}/auth/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        email: `${name}@example.com`,
        password: "a long enough passphrase",
      }),
    });
  // The eight wait for one another, and not for the thread to load what it needs.
  assert.equal((await register("first")).status, 201);
  let answered = 0;
  const answers = Array.from({ length: 8 }, async (_, i) => {
    const { status } = await register(`drain-${i}`);
    answered += 1;
    return status;
  });
  // One is being hashed. On a machine that stood still meanwhile all are.
  await until("the others wait for it", async () => {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
    const waiting = Number(/brigade_password_waiting\S* (\d+)/.exec(text)?.[1]);
    return answered === 8 || (waiting > 0 && waiting + answered >= 7);
  });
  const stopped = server.stop();
  assert.deepEqual(await Promise.all(answers), Array(8).fill(201));
  assert.equal((await stopped).code, 0);
});

test("a port in use stops the start with one sentence", async () => {
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  try {
    const server = await spawnServer({ databaseUrl: database.url, env: { PORT: String(port) } });
    const { code } = await server.exited;
    assert.equal(code, 1);
    assert.match(server.output(), new RegExp(`port ${port} is in use: stop the other program`));
    assert.doesNotMatch(server.output(), /\n\s+at /);
  } finally {
    other.close();
  }
});

test("all faults of the configuration are named at once, and no value", async () => {
  const server = await spawnServer({
    env: {
      NODE_ENV: "production",
      PUBLIC_URL: undefined,
      DATABASE_URL: undefined,
      KEY_ENCRYPTION_KEYS: "k:c2hvcnQ=",
      LOG_LEVEL: "shouting",
      BODY_BYTES_MAX: "hunter2",
    },
  });
  const { code } = await server.exited;
  const output = server.output();
  assert.equal(code, EXIT_CONFIGURATION, output);
  for (const name of [
    "PUBLIC_URL",
    "DATABASE_URL",
    "KEY_ENCRYPTION_KEYS",
    "LOG_LEVEL",
    "BODY_BYTES_MAX",
  ]) {
    assert.match(output, new RegExp(name));
  }
  assert.doesNotMatch(output, /hunter2|shouting|c2hvcnQ/);
});

test("an unsupported Node is told so in one sentence", async () => {
  for (const version of ["18.20.0", "20.18.3", "24.1.0"]) {
    const fake = `Object.defineProperty(process.versions,"node",{value:"${version}"})`;
    const outcome = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(
        process.execPath,
        [
          "--import",
          `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions}});${fake}`,
          "src/launch.mjs",
        ],
        { cwd: ROOT },
        (error, _stdout, stderr) => resolve({ code: error?.code ?? 0, stderr }),
      );
    });
    assert.equal(outcome.code, EXIT_CONFIGURATION, version);
    assert.match(outcome.stderr, new RegExp(`^brigade needs Node\\.js .*${version}.*\\n$`));
  }
});

test("an impatient second signal ends a drain that waits for a request", async () => {
  const server = await start();
  const client = await sendHalf(server);
  server.process.kill("SIGTERM");
  await until("the drain began", () => server.output().includes('"draining"'));
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  server.process.kill("SIGTERM");
  const { signal } = await server.exited;
  assert.equal(signal, "SIGKILL");
  client.destroy();
});

test("a thread that throws is replaced while the other one serves", async () => {
  const server = await start({ HTTP_THREADS: "2" }, ["thread-hook.mjs"]);
  let answered = 0;
  for (const order of ["crash 0", "reject 1", "crash 1"]) {
    writeFileSync(join(server.dataDir, "order"), order);
    await until(`${order} was noticed`, () => {
      const ended = server.logLines().filter((line) => line["message"] === "an HTTP thread ended");
      return ended.length === ["crash 0", "reject 1", "crash 1"].indexOf(order) + 1;
    });
    // The other thread's listener takes new connections; one that was open at the dead is reset.
    await until("both serve again", async () => {
      answered += Number(await isOk(`${server.url}/health`));
      return (await statusOf(`${server.adminUrl}/health/ready`)) === 200;
    });
  }
  assert.ok(answered > 0);
  assert.equal((await server.stop()).code, 0);
});

test("a thread that falls over again and again ends the process", async () => {
  const server = await start({}, ["thread-hook.mjs"]);
  const order = join(server.dataDir, "order");
  // A thread heeds an order that came after its own start: the orders never stop changing.
  const orders = setInterval(() => {
    const isCrash = Math.floor(performance.now() / 150) % 2 === 0;
    writeFileSync(order, isCrash ? "crash 0" : "none");
  }, 50);
  try {
    const { code, signal } = await server.exited;
    assert.ok(code !== 0 || signal === "SIGKILL");
    assert.match(server.output(), /the process ends; its manager starts it again/);
  } finally {
    clearInterval(orders);
  }
});

test("a thread that hangs ends the process", async () => {
  const server = await start({}, ["thread-hook.mjs"]);
  writeFileSync(join(server.dataDir, "order"), "hang 0");
  const { signal } = await server.exited;
  assert.equal(signal, "SIGKILL");
  assert.match(server.output(), /an HTTP thread hangs/);
});

test("a stopped process convicts nobody when it goes on", async () => {
  const server = await start();
  server.process.kill("SIGSTOP");
  // More than twenty heartbeats.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  server.process.kill("SIGCONT");
  await until("it serves again", () => isOk(`${server.url}/health/ready`));
  assert.equal((await server.stop()).code, 0);
});

async function isOk(url: string): Promise<boolean> {
  try {
    return (await statusOf(url)) === 200;
  } catch {
    return false;
  }
}

/** A client that sends half of a request. */
async function sendHalf(server: TestServer): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  const lines = [
    "POST /auth/login HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    "Content-Length: 100",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n{"email":`);
  await until("the request has come", async () => {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
    return /brigade_http_in_flight\S* 1/.test(text);
  });
  return socket;
}

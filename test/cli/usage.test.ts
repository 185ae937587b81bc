import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createBrigade, createInlineBrigade } from "./support.ts";
import { launchWords } from "../support/built.ts";

const AWAY = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" };
const brigade = createInlineBrigade(AWAY);
const spawned = createBrigade(AWAY);

const COMMANDS = [
  ["serve"],
  ["migrate"],
  ["users", "create"],
  ["users", "list"],
  ["roles", "assign"],
  ["roles", "remove"],
  ["roles", "list"],
  ["token"],
  ["keys", "list"],
  ["import", "products"],
  ["seed"],
  ["db", "stop"],
  ["doctor"],
  ["smoke"],
  ["dev-issuer"],
];

test("every command explains itself on standard output and ends with 0", async () => {
  for (const words of COMMANDS) {
    const { code, stdout, stderr } = await brigade([...words, "--help"]);
    assert.equal(code, 0, words.join(" "));
    assert.equal(stderr, "", words.join(" "));
    assert.match(stdout, new RegExp(`^Usage: brigade ${words.join(" ")}( |\\n)`));
    assert.match(stdout, /--help/);
  }
});

test("the overview names every family, without touching the database", async () => {
  const { code, stdout, stderr } = await spawned(["--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const [family] of COMMANDS) assert.match(stdout, new RegExp(`^  ${family} `, "m"));
  const family = await brigade(["users", "--help"]);
  assert.equal(family.code, 0);
  assert.match(family.stdout, /users create[^]*users list/);
});

test("wrong words end with 2 and one line on standard error", async () => {
  const cases: [string[], RegExp][] = [
    [["no-such-command"], /there is no command 'no-such-command'/],
    [["toString"], /there is no command/],
    [["users"], /'brigade users create' or 'brigade users list'/],
    [["users", "make"], /'make' is not known here/],
    [["users", "create", "--emial", "a@b.example"], /Unknown option '--emial'/],
    [["users", "create"], /--email is missing/],
    [["users", "create", "--email"], /--email/],
    [["users", "create", "--email", "a@b.example", "--role", "cook"], /'cook' is not a role/],
    [["roles", "assign", "a@b.example"], /ROLE is missing/],
    [["roles", "assign", "a@b.example", "iam:user", "x"], /'x' is one argument too many/],
    [["roles", "assign", "a@b.example", "kitchen:user"], /'kitchen:user' is not a role/],
    [["roles", "list", "--context", "kitchen"], /--context must be one of/],
    [["doctor", "--json=no"], /--json/],
    [["seed", "--products", "many"], /--products/],
    [["import", "products", "x", "--format", "xml"], /--format/],
    [["dev-issuer", "--host", "0.0.0.0"], /--host must be 127.0.0.1/],
    [["dev-issuer", "--pool", "local_1"], /--pool 'local_1' is not like us-east-1_DevPool1/],
    [["dev-issuer", "--port", "65536"], /--port must be a number/],
    [["dev-issuer", "--client-secret", "x"], /Unknown option '--client-secret'/],
    [["smoke", "localhost:8000"], /URL must be like/],
    [["smoke", "http://127.0.0.1:1"], /BRIGADE_SMOKE_EMAIL/],
    [["smoke", "http://127.0.0.1:1", "--email", "a@b.example"], /BRIGADE_SMOKE_PASSWORD/],
  ];
  for (const [words, sentence] of cases) {
    const { code, stdout, stderr } = await brigade(words);
    assert.equal(code, 2, `${words.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, sentence);
    assert.match(stderr, /^brigade: [^\n]+\n$/);
  }
});

test("a process ends with the code of its command", async () => {
  const { code, stdout, stderr } = await spawned(["users", "create", "--emial", "a@b.example"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(stderr, "brigade: Unknown option '--emial' (see brigade --help)\n");
});

test("a wrong setting ends with 78 and names every one of them, and no value", async () => {
  const env = { PORT: "x-secret-1", LEASE_MS: "x-secret-2" };
  const { code, stderr } = await spawned(["users", "list"], { env });
  assert.equal(code, 78);
  assert.match(stderr, /PORT/);
  assert.match(stderr, /LEASE_MS/);
  assert.doesNotMatch(stderr, /x-secret/);
});

test("a database that is away ends with 1 and one sentence", async () => {
  const { code, stderr } = await spawned(["users", "list"]);
  assert.equal(code, 1);
  assert.match(stderr, /^brigade: [^\n]+\n$/);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test("a reader that has seen enough ends a command without a fault", async () => {
  const child = spawn(process.execPath, [...launchWords(), "--help"], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "pipe"],
  });
  // What `head` does when it is done; here before the first line comes.
  child.stdout.destroy();
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  assert.deepEqual([code, stderr], [0, ""]);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import type { Passwords } from "../../../src/auth/password/password-port.ts";
import { loginLimits } from "../../../src/platform/limits.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { testSize } from "../../support/size.ts";
import { GOOD_PASSWORD, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

const ACCOUNTS = testSize(4, 100);
const ADDRESSES = testSize(40, 1_000);
const GUESSES = testSize(800, 100_000);
const ROUNDS = testSize(20, 100);

let db: TestDatabase;
before(async () => {
  db = await withDatabase({ connections: 27 });
});
after(() => db.drop());

/** Knows each account's password without hashing, and counts who was compared with what. */
function comparing() {
  const compared = new Map<string, number>();
  const passwords: Passwords = {
    ...createInlinePasswords(),
    hash: async (password) => `plain ${password}`,
    async verify(password, hash) {
      if (hash !== undefined) compared.set(hash, (compared.get(hash) ?? 0) + 1);
      return { ok: hash === `plain ${password}`, rehash: false };
    },
  };
  return { compared, passwords };
}

interface Owner {
  readonly body: {
    readonly email: string;
    readonly password: string;
    readonly device_info: object;
  };
  readonly username: string;
}

const secretOf = (number: number) => `the secret of device ${number}`;

const login = (app: TestApp, body: Record<string, unknown>, address: string) =>
  app.call("POST", "/auth/login", { body, address });

test(`${GUESSES} guesses from ${ADDRESSES} addresses: at most 100 of an account are compared, and owners get in`, async () => {
  const { compared, passwords } = comparing();
  const second = createDatabase({
    url: db.url,
    connections: 27,
    applicationName: "test",
    log: silentLog,
  });
  let sent = 0;
  let attackers: Promise<unknown> = Promise.resolve();
  try {
    const real = { loginLimits, policy: { lockout: { failuresMax: 30, lockSeconds: 1_800 } } };
    const first = await startApp({ database: db.database, passwords, ...real });
    const apps = [
      first,
      await startApp({ database: second, passwords, keyRing: first.keyRing, ...real }),
    ];
    const owners: Owner[] = [];
    for (let number = 0; number < ACCOUNTS; number++) {
      const password = `${GOOD_PASSWORD} ${number}`;
      const username = `owner${number}`;
      const owner = await registerSomebody(first, { password, username });
      const device = { secret: secretOf(number) };
      const body = { email: owner.email, password, device_info: device };
      assert.equal((await login(first, body, "192.0.2.1")).status, 200);
      owners.push({ body, username });
    }
    compared.clear();
    for (const database of [db.database, second]) await openConnections(database, 25);
    const attack = async () => {
      while (sent < GUESSES) {
        const number = sent++;
        const { body, username } = owners[number % ACCOUNTS]!;
        const address = `10.${(number % ADDRESSES) >> 8}.${(number % ADDRESSES) & 255}.7`;
        // Both names of the account, and a device that is not known.
        const who = number % 3 === 0 ? { username } : { email: body.email };
        const device = { secret: `a guessed secret ${number % 50}` };
        const guess = { ...who, password: `guess ${number}`, device_info: device };
        await login(apps[number % 2]!, guess, address);
      }
    };
    attackers = Promise.all(Array.from({ length: 24 }, attack));
    let entered = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { body } = owners[round % ACCOUNTS]!;
      const answer = await login(apps[round % 2]!, body, `203.0.113.${round}`);
      assert.equal(answer.status, 200, `round ${round}: ${answer.text}`);
      entered++;
    }
    await attackers;
    for (const { body } of owners) {
      const answer = await login(first, body, "10.0.0.7");
      assert.equal(answer.status, 200, "also from a network of the attackers");
      entered++;
    }
    const byOwners = entered / ACCOUNTS;
    for (const [hash, count] of compared) {
      assert.ok(count - Math.ceil(byOwners) <= 100, `${hash}: ${count}`);
    }
    const { body } = owners[0]!;
    const stranger = { email: body.email, password: body.password };
    const refused = await login(first, stranger, "203.0.113.200");
    assert.notEqual(refused.status, 200, "an unknown device is locked out");
  } finally {
    // Also when an owner was locked out: nobody asks a database that is closed.
    sent = GUESSES;
    await attackers;
    await second.end();
  }
});

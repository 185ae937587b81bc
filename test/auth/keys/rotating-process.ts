/** Rotates and withdraws keys without an end, to be killed in the middle of it. */
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { rotateKeys, turnKeys, withdrawAndRotate } from "../../../src/auth/keys/rotation.ts";
import { ensureKeys } from "../../../src/auth/keys/store.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { silentLog } from "../../support/log.ts";
import { settings } from "./key-rig.ts";

const [url = "", keyBase64 = ""] = process.argv.slice(2);
const config = settings({ keyEncryptionKeys: [{ id: "test", keyBase64 }] });
const database = createDatabase({ url, connections: 3, applicationName: "test", log: silentLog });
const deps = { database, config, log: silentLog };
const invalidate = createInvalidate({ generations: { bump: () => {} } });

for (let turn = 0; ; turn++) {
  await ensureKeys(database, config, silentLog);
  await rotateKeys(deps, "sig", {});
  await rotateKeys(deps, "mac", {});
  while ((await turnKeys(deps)) > 0);
  await withdrawAndRotate({ ...deps, invalidate }, { use: "sig", isNextToo: turn % 2 === 0 }, {});
  process.stdout.write(".");
}

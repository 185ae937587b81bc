import { rotateKeys, withdrawAndRotate } from "../auth/keys/rotation.ts";
import { resealSecrets, type Resealed } from "../auth/keys/reseal.ts";
import { resealKeys } from "../auth/keys/restore.ts";
import { KEY_USES, listKeys, type KeyUse } from "../auth/keys/store-rows.ts";
import { createWaitForCluster } from "../auth/revocation/instances.ts";
import { createInvalidate } from "../auth/revocation/invalidation-log.ts";
import { SEALED_TYPEFORM_KEYS } from "../contexts/client-onboarding/index.ts";
import { systemClock } from "../platform/clock.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { withWorkspace, type Workspace } from "./open-database.ts";
import type { Terminal } from "./terminal.ts";

const CALLER = { actor: "cli" };

export const keyRotationCommands = [
  defineCommand({
    name: "keys rotate",
    summary: "Lets the next key follow the one that signs: when that is safe, or at once.",
    positionals: [],
    options: {
      use: {
        type: "string",
        value: "sig|mac",
        description: "Access tokens (default) or refresh tokens",
      },
      emergency: {
        type: "boolean",
        description: "Withdraw now what signed so far, and its tokens",
      },
      "next-too": {
        type: "boolean",
        description: "With --emergency: distrust the next key as well",
      },
    },
    notes: [
      "Safe: every live process has loaded the next key, and nobody can hold a key set without it.",
      "With --emergency everybody must refresh; with --use mac, log in again.",
    ],
    async run({ values, terminal }) {
      const use = KEY_USES.find((known) => known === (values.use ?? "sig"));
      if (use === undefined) throw new UsageError("--use is sig or mac");
      const isNextToo = values["next-too"] === true;
      if (isNextToo && values.emergency !== true)
        throw new UsageError("--next-too needs --emergency");
      return await withWorkspace(terminal, async (workspace) => {
        if (use === "sig" && workspace.config.jwtAlgorithm === "HS256") {
          throw new CommandFailure(
            "JWT_ALG=HS256 signs with JWT_SECRET: there is no key to rotate",
          );
        }
        if (values.emergency === true) await withdraw(workspace, { use, isNextToo }, terminal);
        else await rotate(workspace, use, terminal);
        return EXIT.ok;
      });
    },
  }),
  defineCommand({
    name: "keys reseal",
    summary:
      "Seals keys, second factors, mails and keys for TypeForm with the first key of KEY_ENCRYPTION_KEYS.",
    positionals: [],
    options: {},
    notes: [
      "Afterwards the older ones may be taken out of the setting.",
      "May be killed and run again: it goes on where it was. Ends with 1 when something does not open.",
    ],
    run: ({ terminal }) =>
      withWorkspace(terminal, async (workspace) => {
        const keys = await resealKeys(workspace);
        const secrets = await resealSecrets({ ...workspace, others: [SEALED_TYPEFORM_KEYS] });
        const sealed = secrets.reduce((sum, table) => sum + table.sealed, keys.sealed);
        terminal.out(`${sealed} sealed again`);
        const left = [...keys.left, ...secrets.filter((table) => table.left > 0).map(toLeft)];
        if (left.length === 0) return EXIT.ok;
        throw new CommandFailure(
          `these do not open with any of the keys given: ${left.join(", ")}`,
        );
      }),
  }),
];

const toLeft = ({ name, left }: Resealed) => `${left} ${name}`;

async function rotate(workspace: Workspace, use: KeyUse, terminal: Terminal): Promise<void> {
  const isDone = await rotateKeys(workspace, use, CALLER);
  const keys = (await listKeys(workspace.database)).filter((key) => key.use === use);
  const next = keys.find(({ state }) => state === "next");
  const active = keys.find(({ state }) => state === "active");
  if (isDone) terminal.out(`${active?.kid} signs now, ${next?.kid} is published to follow`);
  else terminal.out(`asked for: ${next?.kid} signs as soon as that is safe`);
}

async function withdraw(
  { config, database, log }: Workspace,
  withdrawal: { use: KeyUse; isNextToo: boolean },
  terminal: Terminal,
): Promise<void> {
  // Nothing is cached in this process; the servers read what is taken away from the log.
  const invalidate = createInvalidate({ generations: { bump: () => {} } });
  const deps = { config, database, log, invalidate };
  const { kids, activeKid, receipt } = await withdrawAndRotate(deps, withdrawal, CALLER);
  terminal.out(`withdrawn: ${kids.join(" ")}`);
  terminal.out(`${activeKid} signs now`);
  const { leaseMs, staleSeconds } = config;
  const staleMsMax = staleSeconds * 1000;
  await createWaitForCluster({ database, clock: systemClock, leaseMs, staleMsMax })(receipt.number);
  terminal.out("no process takes what they signed any more");
}

import { recordEvent } from "../auth/audit/store.ts";
import { createSealer } from "../auth/keys/sealer.ts";
import { createTypeformKeys, type KeyState } from "../contexts/client-onboarding/index.ts";
import { systemClock } from "../platform/clock.ts";
import { onboardingLimits as limits } from "../platform/limits.ts";
import { CommandFailure, defineCommand, EXIT, UsageError } from "./command.ts";
import { withDirectory, type Directory } from "./directory.ts";
import { findTenantByReference } from "./tenants.ts";
import type { Terminal } from "./terminal.ts";

export const tenantTypeformCommands = [
  defineCommand({
    name: "tenants typeform-key",
    summary: "Tells whether a tenant has a key of its own for TypeForm; sets or clears it.",
    positionals: ["TENANT"],
    options: {
      set: { type: "boolean", description: "Read a key and keep it, sealed" },
      clear: { type: "boolean", description: "Forget it: the server's is used again" },
    },
    notes: [
      "TENANT is an id or a name.",
      "With --set the key is asked for on a terminal, and elsewhere read from standard input.",
    ],
    async run({ values: { set, clear }, positionals: [reference], terminal }) {
      if (set === true && clear === true)
        throw new UsageError("--set and --clear exclude each other");
      return await withDirectory(terminal, async (directory) => {
        const { id: tenantId } = await findTenantByReference(directory, reference!);
        const keys = openKeys(directory);
        const change = {
          tenantId,
          by: "cli",
          record: (tx: Parameters<typeof recordEvent>[0], action: "set" | "clear") =>
            recordEvent(tx, { action: `typeform_key.${action}`, actor: "cli", tenantId }),
        };
        if (set === true) await keys.set(await readKey(terminal), change);
        if (clear === true) await keys.clear(change);
        terminal.out(toLine(await keys.find(tenantId)));
        return EXIT.ok;
      });
    },
  }),
];

const openKeys = ({ database, config }: Directory) =>
  createTypeformKeys({ database, clock: systemClock, sealer: createSealer(config), config });

/** Never as an argument: others may see those. */
async function readKey(terminal: Terminal): Promise<string> {
  const typed = await terminal.readSecret("Key for TypeForm: ");
  const key = (typed ?? (await terminal.readInput())).trim();
  const { apiKeyMinBytes: min, apiKeyMaxBytes: max } = limits;
  if (/^[\x21-\x7e]+$/.test(key) && key.length >= min && key.length <= max) return key;
  throw new CommandFailure(`a key has ${min} to ${max} visible characters`);
}

const toLine = ({ own, inUse }: KeyState) =>
  own === undefined
    ? `no key of its own; in use: ${inUse}`
    : `set ${own.setAt.toISOString()} by ${own.setBy}; in use: ${inUse}`;

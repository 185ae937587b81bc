import { createKeyRing } from "../auth/keys/key-ring.ts";
import { ensureKeys } from "../auth/keys/store.ts";
import { createCountryOf } from "../auth/network/country.ts";
import { makeRoom, openSession } from "../auth/session/open.ts";
import { issueTokens, type TokenPair } from "../auth/session/tokens.ts";
import { recordLogin, type Account } from "../auth/accounts/store.ts";
import { recordEvent } from "../auth/audit/store.ts";
import { createFreshPolicyOf } from "../auth/tenants/policies.ts";
import { systemClock } from "../platform/clock.ts";
import { CommandFailure, defineCommand, EXIT } from "./command.ts";
import { findAccount, withDirectory, type Directory } from "./directory.ts";

export const tokenCommands = [
  defineCommand({
    name: "token",
    summary: "Opens a session of an account, as a login would, and prints its access token.",
    positionals: ["USER"],
    options: {
      json: { type: "boolean", description: "Both tokens and their lives, as JSON" },
    },
    notes: [
      "USER is an e-mail address, a user name or an id. Refused in production.",
      'curl -H "Authorization: Bearer $(brigade token admin@brigade.example)" …',
    ],
    run: ({ values, positionals, terminal }) =>
      withDirectory(terminal, async (directory) => {
        if (directory.config.environment === "production") {
          throw new CommandFailure("in production nobody gets a token without a password");
        }
        const account = await findAccount(directory, positionals[0]!);
        if (account === undefined)
          throw new CommandFailure(`there is no account ${positionals[0]}`);
        const tokens = await openTokens(directory, account);
        terminal.out(values.json === true ? toJson(tokens) : tokens.accessToken);
        return EXIT.ok;
      }),
  }),
];

async function openTokens(
  { database, config, log, invalidate, metrics }: Directory,
  account: Account,
): Promise<TokenPair> {
  const keyRing = createKeyRing(await ensureKeys(database, config, log));
  const clock = systemClock;
  const policyOf = createFreshPolicyOf({ database, config });
  const countryOf = createCountryOf({ config, log });
  const opened = await database.withTransaction(async (tx) => {
    // Locks the account: logins of one account take turns.
    if ((await recordLogin(tx, account.id)) === undefined) {
      throw new CommandFailure("the account is disabled");
    }
    await makeRoom(tx, { policyOf, invalidate, metrics }, account);
    const options = { keyRing, policyOf, countryOf, clock, metrics };
    const made = await openSession(tx, options, account, {
      caller: { address: "127.0.0.1", userAgent: "brigade token", requestId: "cli" },
      device: undefined,
      rememberMe: false,
      amr: ["cli"],
    });
    await recordEvent(tx, {
      action: "login.success",
      actor: "cli",
      subject: account.id,
      tenantId: account.tenantId,
      sessionId: made.session.id,
    });
    return made;
  });
  return await issueTokens({ keyRing, config, clock }, account, opened.session, {
    secret: opened.refreshSecret,
    key: opened.refreshKey,
  });
}

function toJson(tokens: TokenPair): string {
  return JSON.stringify({
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: "Bearer",
    expires_in: tokens.expiresIn,
    refresh_expires_in: tokens.refreshExpiresIn,
  });
}

import { randomToken } from "../../platform/ids.ts";
import { assertSecretHash } from "./directory.ts";
import { optionalText, textOf, type Input } from "./input.ts";
import type { AppClient, Pool } from "./pool.ts";
import { isSameSecret } from "./secrets.ts";
import { invalidParameter, wrongPassword } from "./service-error.ts";
import { createVerifier, expectedSignature, startExchange } from "./srp.ts";
import type { User } from "./users.ts";

/** First half of `USER_SRP_AUTH`: a name that nobody has is answered like any other. */
export function offerSrp(pool: Pool, client: AppClient, given: Input): object {
  const username = textOf(given, "USERNAME");
  assertSecretHash(client, optionalText(given, "SECRET_HASH"), [username]);
  const user = pool.users.find(username);
  const known = user?.srp;
  const verifier = known ?? createVerifier(pool.name, username, randomToken(32));
  const exchange = startExchange(verifier, textOf(given, "SRP_A"));
  if (exchange === undefined) throw invalidParameter("SRP_A is not usable");
  const challenge = {
    kind: "srp",
    clientId: client.id,
    user: known === undefined ? undefined : user,
    exchange,
  } as const;
  const name = user?.username ?? username;
  return {
    ChallengeName: "PASSWORD_VERIFIER",
    ChallengeParameters: {
      SALT: exchange.salt.toString(16),
      SECRET_BLOCK: pool.challenges.add(challenge),
      SRP_B: exchange.serverPublic.toString(16),
      USERNAME: name,
      USER_ID_FOR_SRP: name,
    },
  };
}

/** Second half: whose password the client has shown to know. */
export function answerSrp(pool: Pool, client: AppClient, given: Input): User {
  const username = textOf(given, "USERNAME");
  assertSecretHash(client, optionalText(given, "SECRET_HASH"), [username]);
  const secretBlock = textOf(given, "PASSWORD_CLAIM_SECRET_BLOCK");
  const timestamp = textOf(given, "TIMESTAMP");
  const signature = textOf(given, "PASSWORD_CLAIM_SIGNATURE");
  const challenge = pool.challenges.take(secretBlock, client.id);
  if (challenge?.kind !== "srp") throw wrongPassword();
  const { user, exchange } = challenge;
  if (user === undefined || pool.users.find(username) !== user) throw wrongPassword();
  const expected = expectedSignature(exchange, {
    poolName: pool.name,
    username: user.username,
    secretBlock: Buffer.from(secretBlock, "base64"),
    timestamp,
  });
  if (expected === undefined || !isSameSecret(signature, expected)) throw wrongPassword();
  return user;
}

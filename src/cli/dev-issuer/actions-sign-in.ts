import type { Action } from "./action.ts";
import { assertSecretHash, type Directory } from "./directory.ts";
import type { Grant } from "./grants.ts";
import { objectOf, optionalText, textOf, type Input } from "./input.ts";
import type { AppClient, Pool } from "./pool.ts";
import { isSameSecret, matchesPassword } from "./secrets.ts";
import { invalidParameter, notAuthorized, ServiceError, wrongPassword } from "./service-error.ts";
import { answerSrp, offerSrp } from "./srp-sign-in.ts";
import { issueUserTokens } from "./tokens.ts";
import type { User } from "./users.ts";

export const signInActions: Readonly<Record<string, Action>> = {
  InitiateAuth: (input, directory) => initiate(input, directory.clientOf(input)),
  AdminInitiateAuth: (input, directory) => initiate(input, clientOfPool(input, directory)),
  RespondToAuthChallenge: (input, directory) => respond(input, directory.clientOf(input)),
  AdminRespondToAuthChallenge: (input, directory) => respond(input, clientOfPool(input, directory)),
  async GetTokensFromRefreshToken(input, directory) {
    const { pool, client } = directory.clientOf(input);
    assertClientSecret(client, optionalText(input, "ClientSecret"));
    return await refresh(pool, client, textOf(input, "RefreshToken"));
  },
};

interface AtClient {
  readonly pool: Pool;
  readonly client: AppClient;
}

function clientOfPool(input: Input, directory: Directory): AtClient {
  const found = directory.clientOf(input);
  if (found.pool === directory.poolOf(input)) return found;
  throw new ServiceError(
    "ResourceNotFoundException",
    `User pool client ${found.client.id} does not exist.`,
  );
}

async function initiate(input: Input, { pool, client }: AtClient): Promise<object> {
  const given = objectOf(input, "AuthParameters");
  switch (textOf(input, "AuthFlow")) {
    case "USER_PASSWORD_AUTH":
    case "ADMIN_USER_PASSWORD_AUTH":
    case "ADMIN_NO_SRP_AUTH":
      return await signInByPassword(pool, client, given);
    case "REFRESH_TOKEN_AUTH":
    case "REFRESH_TOKEN": {
      const grant = pool.grants.find(textOf(given, "REFRESH_TOKEN"));
      const names = grant === undefined ? [] : [grant.user.username, grant.user.sub];
      // Who has no live token learns nothing about the secret.
      if (grant !== undefined) assertSecretHash(client, optionalText(given, "SECRET_HASH"), names);
      return await refresh(pool, client, textOf(given, "REFRESH_TOKEN"));
    }
    case "USER_SRP_AUTH":
      return offerSrp(pool, client, given);
    default:
      throw invalidParameter("Auth flow not enabled for this client");
  }
}

async function signInByPassword(pool: Pool, client: AppClient, given: Input): Promise<object> {
  const username = textOf(given, "USERNAME");
  const password = textOf(given, "PASSWORD");
  assertSecretHash(client, optionalText(given, "SECRET_HASH"), [username]);
  const user = pool.users.find(username);
  if (!(await matchesPassword(password, user?.password)) || user === undefined) {
    throw wrongPassword();
  }
  return await complete(pool, client, user);
}

async function respond(input: Input, { pool, client }: AtClient): Promise<object> {
  const given = objectOf(input, "ChallengeResponses");
  switch (textOf(input, "ChallengeName")) {
    case "PASSWORD_VERIFIER":
      return await complete(pool, client, answerSrp(pool, client, given));
    case "NEW_PASSWORD_REQUIRED":
      return await setFirstPassword(pool, client, textOf(input, "Session"), given);
    default:
      throw invalidParameter("There is no such challenge");
  }
}

async function setFirstPassword(
  pool: Pool,
  client: AppClient,
  session: string,
  given: Input,
): Promise<object> {
  const username = textOf(given, "USERNAME");
  assertSecretHash(client, optionalText(given, "SECRET_HASH"), [username]);
  const challenge = pool.challenges.take(session, client.id);
  if (challenge?.kind !== "new password" || pool.users.find(username) !== challenge.user) {
    throw notAuthorized("Invalid session for the user.");
  }
  await pool.users.setPassword(challenge.user, textOf(given, "NEW_PASSWORD"));
  challenge.user.status = "CONFIRMED";
  return await complete(pool, client, challenge.user);
}

/** The password was right: tokens, or what else is asked for. */
async function complete(pool: Pool, client: AppClient, user: User): Promise<object> {
  if (!user.enabled) throw notAuthorized("User is disabled.");
  if (user.status === "UNCONFIRMED") {
    throw new ServiceError("UserNotConfirmedException", "User is not confirmed.");
  }
  if (user.status === "FORCE_CHANGE_PASSWORD") {
    return {
      ChallengeName: "NEW_PASSWORD_REQUIRED",
      Session: pool.challenges.add({ kind: "new password", clientId: client.id, user }),
      ChallengeParameters: {
        USER_ID_FOR_SRP: user.username,
        requiredAttributes: "[]",
        userAttributes: JSON.stringify(Object.fromEntries(user.attributes)),
      },
    };
  }
  const { grant, refreshToken } = pool.grants.open(user, client.id);
  return {
    AuthenticationResult: { ...(await tokensOf(pool, grant)), RefreshToken: refreshToken },
    ChallengeParameters: {},
  };
}

async function refresh(pool: Pool, client: AppClient, refreshToken: string): Promise<object> {
  const grant = pool.grants.useRefreshToken(refreshToken, client.id);
  return { AuthenticationResult: await tokensOf(pool, grant), ChallengeParameters: {} };
}

async function tokensOf(pool: Pool, grant: Grant): Promise<object> {
  const { accessToken, idToken } = await issueUserTokens(pool, grant);
  return {
    AccessToken: accessToken,
    ExpiresIn: pool.lives.accessSeconds,
    IdToken: idToken,
    TokenType: "Bearer",
  };
}

/** Where a client shows its secret itself. */
export function assertClientSecret({ id, secret }: AppClient, given: string | undefined): void {
  if (secret === undefined) return;
  if (given === undefined || !isSameSecret(given, secret)) {
    throw notAuthorized(`Unable to verify secret for client ${id}`);
  }
}

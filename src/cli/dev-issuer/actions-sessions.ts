import type { Action } from "./action.ts";
import { assertClientSecret } from "./actions-sign-in.ts";
import { userOf } from "./actions-users.ts";
import type { Directory } from "./directory.ts";
import { optionalText, textOf, type Input } from "./input.ts";
import type { AppClient, Pool } from "./pool.ts";
import { ServiceError } from "./service-error.ts";

export const sessionActions: Readonly<Record<string, Action>> = {
  async GlobalSignOut(input, directory) {
    const { pool, user } = await directory.ownerOf(input);
    pool.grants.revoke(user);
    return {};
  },
  AdminUserGlobalSignOut(input, directory) {
    const pool = directory.poolOf(input);
    pool.grants.revoke(userOf(pool, input));
    return {};
  },
  RevokeToken(input, directory) {
    const { pool, client } = directory.clientOf(input);
    assertClientSecret(client, optionalText(input, "ClientSecret"));
    if (!revokeToken(pool, client, textOf(input, "Token"))) {
      throw new ServiceError("UnsupportedTokenTypeException", "Unsupported token type");
    }
    return {};
  },
  DescribeUserPool(input, directory) {
    const pool = directory.poolOf(input);
    return {
      UserPool: {
        Id: pool.id,
        Name: pool.name,
        EstimatedNumberOfUsers: pool.users.all().length,
        CreationDate: pool.createdSeconds,
        LastModifiedDate: pool.createdSeconds,
      },
    };
  },
  DescribeUserPoolClient: (input, directory) => ({
    UserPoolClient: describeClient(input, directory),
  }),
};

/** Ends the sign-in of a refresh token. False: it is none that we know. Another client's stays. */
export function revokeToken(pool: Pool, client: AppClient, token: string): boolean {
  const grant = pool.grants.find(token);
  if (grant?.clientId === client.id) grant.isRevoked = true;
  // An access or id token cannot be taken back by itself.
  return grant !== undefined || token.split(".").length !== 3;
}

/** Cognito tells the secret as well. We do not: nobody's signature is checked here. */
function describeClient(input: Input, directory: Directory): object {
  const pool = directory.poolOf(input);
  const found = directory.clientOf(input);
  if (found.pool !== pool) {
    throw new ServiceError("ResourceNotFoundException", "User pool client does not exist.");
  }
  const { client } = found;
  return {
    UserPoolId: pool.id,
    ClientId: client.id,
    ClientName: client.id,
    ExplicitAuthFlows: [
      "ALLOW_USER_PASSWORD_AUTH",
      "ALLOW_USER_SRP_AUTH",
      "ALLOW_REFRESH_TOKEN_AUTH",
    ],
    AllowedOAuthFlows: client.secret === undefined ? [] : ["client_credentials"],
    AllowedOAuthScopes: client.secret === undefined ? [] : pool.scopes,
    AccessTokenValidity: pool.lives.accessSeconds,
    IdTokenValidity: pool.lives.idSeconds,
    RefreshTokenValidity: pool.lives.refreshSeconds,
    TokenValidityUnits: { AccessToken: "seconds", IdToken: "seconds", RefreshToken: "seconds" },
    EnableTokenRevocation: true,
    PreventUserExistenceErrors: "ENABLED",
  };
}

/** The pool of `brigade dev-issuer` as Amazon's own client sees it. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import {
  AdminAddUserToGroupCommand,
  AdminConfirmSignUpCommand,
  AdminCreateUserCommand,
  AdminDeleteUserCommand,
  AdminDisableUserCommand,
  AdminGetUserCommand,
  AdminListGroupsForUserCommand,
  AdminRemoveUserFromGroupCommand,
  AdminSetUserPasswordCommand,
  AdminUpdateUserAttributesCommand,
  AdminUserGlobalSignOutCommand,
  ChangePasswordCommand,
  CognitoIdentityProviderClient,
  CreateGroupCommand,
  DescribeUserPoolClientCommand,
  DescribeUserPoolCommand,
  ForgotPasswordCommand,
  GetTokensFromRefreshTokenCommand,
  GetUserCommand,
  GlobalSignOutCommand,
  InitiateAuthCommand,
  ListGroupsCommand,
  ListUsersCommand,
  type ListUsersCommandOutput,
  RespondToAuthChallengeCommand,
  RevokeTokenCommand,
  SignUpCommand,
  type AuthenticationResultType,
} from "@aws-sdk/client-cognito-identity-provider";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { startDevIssuer, type DevIssuer } from "../../src/cli/dev-issuer/start.ts";

const PASSWORD = "Str0ng-enough!";

let issuer: DevIssuer;
let cognito: CognitoIdentityProviderClient;

before(async () => {
  issuer = await startDevIssuer({
    port: 0,
    groups: ["chefs"],
    users: [{ email: "ann@dev.example", password: PASSWORD, groups: ["chefs"] }],
  });
  cognito = new CognitoIdentityProviderClient({
    region: issuer.region,
    endpoint: issuer.url,
    maxAttempts: 1,
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  });
});
after(async () => {
  cognito.destroy();
  await issuer.stop();
});

const inPool = (username: string) => ({ UserPoolId: issuer.poolId, Username: username });

async function signIn(username: string, password = PASSWORD): Promise<AuthenticationResultType> {
  const answer = await cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { USERNAME: username, PASSWORD: password },
    }),
  );
  return answer.AuthenticationResult!;
}

const refresh = (refreshToken: string) =>
  cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "REFRESH_TOKEN_AUTH",
      ClientId: issuer.publicClientId,
      AuthParameters: { REFRESH_TOKEN: refreshToken },
    }),
  );

/** A user who has signed up and was confirmed. */
async function createUser(username: string): Promise<string> {
  const { UserSub } = await cognito.send(
    new SignUpCommand({
      ClientId: issuer.publicClientId,
      Username: username,
      Password: PASSWORD,
      UserAttributes: [{ Name: "email", Value: `${username}@mail.example` }],
    }),
  );
  await cognito.send(new AdminConfirmSignUpCommand(inPool(username)));
  return UserSub!;
}

const refused = (name: string, message?: RegExp) => (error: unknown) => {
  const { name: given, message: text } = error as Error;
  assert.equal(given, name, text);
  if (message !== undefined) assert.match(text, message);
  return true;
};

test("somebody signs up, is confirmed, signs in and reads herself", async () => {
  const user = { ClientId: issuer.publicClientId, Username: "bea", Password: PASSWORD };
  const { UserSub, UserConfirmed } = await cognito.send(new SignUpCommand(user));
  assert.equal(UserConfirmed, false);
  await assert.rejects(signIn("bea"), refused("UserNotConfirmedException"));
  await assert.rejects(
    cognito.send(new SignUpCommand(user)),
    refused("UsernameExistsException", /User already exists/),
  );
  await cognito.send(new AdminConfirmSignUpCommand(inPool("bea")));
  const { AccessToken } = await signIn("bea");
  const self = await cognito.send(new GetUserCommand({ AccessToken }));
  assert.equal(self.Username, "bea");
  assert.deepEqual(self.UserAttributes, [{ Name: "sub", Value: UserSub }]);
});

test("tokens have the claims and the headers of Cognito, and no others", async () => {
  const { AccessToken, IdToken, ExpiresIn, TokenType } = await signIn("ann@dev.example");
  assert.deepEqual([ExpiresIn, TokenType], [3600, "Bearer"]);
  const { sub } = issuer.users[0]!;
  const access = decodeJwt(AccessToken!);
  const id = decodeJwt(IdToken!);
  const { iat, jti, event_id, origin_jti, ...rest } = access;
  assert.deepEqual(rest, {
    sub,
    iss: issuer.issuer,
    "cognito:groups": ["chefs"],
    client_id: issuer.publicClientId,
    token_use: "access",
    scope: "aws.cognito.signin.user.admin",
    auth_time: iat,
    exp: iat! + 3600,
    username: sub,
  });
  const { jti: idJti, ...idRest } = id;
  assert.deepEqual(idRest, {
    sub,
    iss: issuer.issuer,
    "cognito:groups": ["chefs"],
    "cognito:username": sub,
    email: "ann@dev.example",
    email_verified: true,
    aud: issuer.publicClientId,
    token_use: "id",
    event_id,
    origin_jti,
    auth_time: iat,
    iat,
    exp: iat! + 3600,
  });
  assert.notEqual(idJti, jti);
  for (const token of [AccessToken!, IdToken!]) {
    const header = decodeProtectedHeader(token);
    assert.deepEqual(Object.keys(header).toSorted(), ["alg", "kid"]);
    assert.equal(header.alg, "RS256");
  }
  // Cognito signs the two with two keys.
  const kids = [AccessToken!, IdToken!].map((token) => decodeProtectedHeader(token).kid);
  assert.notEqual(kids[0], kids[1]);
});

test("a wrong password and a name that nobody has are refused in the same words", async () => {
  const said: string[] = [];
  for (const [name, password] of [
    ["ann@dev.example", "Wr0ng-enough!"],
    ["nobody@dev.example", PASSWORD],
  ] as const) {
    await assert.rejects(signIn(name, password), (error: Error) => {
      said.push(`${error.name}: ${error.message}`);
      return true;
    });
  }
  assert.deepEqual(
    new Set(said),
    new Set(["NotAuthorizedException: Incorrect username or password."]),
  );
});

test("a refresh token gives new tokens of the same sign-in, at its own client alone", async () => {
  const first = await signIn("ann@dev.example");
  const { AuthenticationResult: second } = await refresh(first.RefreshToken!);
  assert.equal(second!.RefreshToken, undefined);
  const [a, b] = [decodeJwt(first.AccessToken!), decodeJwt(second!.AccessToken!)];
  assert.equal(b["origin_jti"], a["origin_jti"]);
  assert.equal(b["auth_time"], a["auth_time"]);
  assert.notEqual(b.jti, a.jti);
  const third = await cognito.send(
    new GetTokensFromRefreshTokenCommand({
      ClientId: issuer.publicClientId,
      RefreshToken: first.RefreshToken,
    }),
  );
  assert.ok(third.AuthenticationResult?.AccessToken);
  await assert.rejects(
    refresh("no-such-token"),
    refused("NotAuthorizedException", /Invalid Refresh/),
  );
  await assert.rejects(
    cognito.send(
      new GetTokensFromRefreshTokenCommand({
        ClientId: issuer.clientId,
        ClientSecret: issuer.clientSecret,
        RefreshToken: first.RefreshToken,
      }),
    ),
    refused("NotAuthorizedException", /Invalid Refresh Token/),
  );
});

test("a client with a secret must send SECRET_HASH, at sign-in and at refresh", async () => {
  const hash = (name: string) =>
    createHmac("sha256", issuer.clientSecret)
      .update(name + issuer.clientId)
      .digest("base64");
  const start = (AuthFlow: "USER_PASSWORD_AUTH" | "REFRESH_TOKEN_AUTH", AuthParameters: object) =>
    cognito.send(
      new InitiateAuthCommand({
        AuthFlow,
        ClientId: issuer.clientId,
        AuthParameters: AuthParameters as Record<string, string>,
      }),
    );
  const user = { USERNAME: "ann@dev.example", PASSWORD };
  await assert.rejects(
    start("USER_PASSWORD_AUTH", user),
    refused("NotAuthorizedException", /SECRET_HASH was not received/),
  );
  await assert.rejects(
    start("USER_PASSWORD_AUTH", { ...user, SECRET_HASH: hash("bea") }),
    refused("NotAuthorizedException", /Unable to verify secret hash/),
  );
  const { AuthenticationResult } = await start("USER_PASSWORD_AUTH", {
    ...user,
    SECRET_HASH: hash(user.USERNAME),
  });
  const REFRESH_TOKEN = AuthenticationResult!.RefreshToken!;
  for (const SECRET_HASH of [undefined, hash("bea")]) {
    await assert.rejects(
      start("REFRESH_TOKEN_AUTH", {
        REFRESH_TOKEN,
        ...(SECRET_HASH === undefined ? {} : { SECRET_HASH }),
      }),
      refused("NotAuthorizedException", /secret/i),
    );
  }
  // As at Cognito: of the real user name, which is not what somebody signs in with.
  const { sub } = issuer.users[0]!;
  const again = await start("REFRESH_TOKEN_AUTH", { REFRESH_TOKEN, SECRET_HASH: hash(sub) });
  assert.ok(again.AuthenticationResult?.IdToken);
});

test("signing out everywhere ends refresh and access tokens of that user alone", async () => {
  await createUser("carl");
  const [one, two] = [await signIn("carl"), await signIn("carl")];
  const other = await signIn("ann@dev.example");
  await cognito.send(new GlobalSignOutCommand({ AccessToken: one.AccessToken }));
  for (const { RefreshToken, AccessToken } of [one, two]) {
    await assert.rejects(
      refresh(RefreshToken!),
      refused("NotAuthorizedException", /Refresh Token has been revoked/),
    );
    await assert.rejects(
      cognito.send(new GetUserCommand({ AccessToken })),
      refused("NotAuthorizedException", /Access Token has been revoked/),
    );
  }
  await refresh(other.RefreshToken!);
  const after = await signIn("carl");
  await refresh(after.RefreshToken!);
  await cognito.send(new AdminUserGlobalSignOutCommand(inPool("carl")));
  await assert.rejects(refresh(after.RefreshToken!), refused("NotAuthorizedException", /revoked/));
});

test("a refresh token is taken back by itself, and its access tokens with it", async () => {
  const [one, two] = [await signIn("ann@dev.example"), await signIn("ann@dev.example")];
  const ClientId = issuer.publicClientId;
  await cognito.send(new RevokeTokenCommand({ ClientId, Token: one.RefreshToken }));
  await assert.rejects(refresh(one.RefreshToken!), refused("NotAuthorizedException", /revoked/));
  await assert.rejects(
    cognito.send(new GetUserCommand({ AccessToken: one.AccessToken })),
    refused("NotAuthorizedException", /revoked/),
  );
  await refresh(two.RefreshToken!);
  await assert.rejects(
    cognito.send(new RevokeTokenCommand({ ClientId, Token: two.AccessToken })),
    refused("UnsupportedTokenTypeException"),
  );
  await assert.rejects(
    cognito.send(new RevokeTokenCommand({ ClientId: issuer.clientId, Token: two.RefreshToken })),
    refused("NotAuthorizedException"),
  );
});

test("groups are made, given, listed and taken, and the next token has them", async () => {
  await createUser("dora");
  const UserPoolId = issuer.poolId;
  await cognito.send(new CreateGroupCommand({ UserPoolId, GroupName: "waiters", Precedence: 1 }));
  await assert.rejects(
    cognito.send(new CreateGroupCommand({ UserPoolId, GroupName: "waiters" })),
    refused("GroupExistsException"),
  );
  const { Groups } = await cognito.send(new ListGroupsCommand({ UserPoolId }));
  assert.deepEqual(
    Groups!.map(({ GroupName }) => GroupName),
    ["chefs", "waiters"],
  );
  const membership = { ...inPool("dora"), GroupName: "waiters" };
  const first = await signIn("dora");
  assert.equal(decodeJwt(first.AccessToken!)["cognito:groups"], undefined);
  await cognito.send(new AdminAddUserToGroupCommand(membership));
  const { AuthenticationResult } = await refresh(first.RefreshToken!);
  assert.deepEqual(decodeJwt(AuthenticationResult!.AccessToken!)["cognito:groups"], ["waiters"]);
  const listed = await cognito.send(new AdminListGroupsForUserCommand(inPool("dora")));
  assert.equal(listed.Groups!.length, 1);
  await cognito.send(new AdminRemoveUserFromGroupCommand(membership));
  const last = await signIn("dora");
  assert.equal(decodeJwt(last.IdToken!)["cognito:groups"], undefined);
  await assert.rejects(
    cognito.send(new AdminAddUserToGroupCommand({ ...inPool("dora"), GroupName: "nobody" })),
    refused("ResourceNotFoundException"),
  );
});

test("who was made by an administrator chooses a password at the first sign-in", async () => {
  const made = await cognito.send(
    new AdminCreateUserCommand({
      ...inPool("eve@dev.example"),
      TemporaryPassword: "Temp0rary-pw!",
      UserAttributes: [{ Name: "custom:roles", Value: "iam:user" }],
    }),
  );
  assert.equal(made.User!.UserStatus, "FORCE_CHANGE_PASSWORD");
  const ClientId = issuer.publicClientId;
  const challenge = await cognito.send(
    new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId,
      AuthParameters: { USERNAME: "eve@dev.example", PASSWORD: "Temp0rary-pw!" },
    }),
  );
  assert.equal(challenge.ChallengeName, "NEW_PASSWORD_REQUIRED");
  assert.equal(challenge.AuthenticationResult, undefined);
  const answer = new RespondToAuthChallengeCommand({
    ClientId,
    ChallengeName: "NEW_PASSWORD_REQUIRED",
    Session: challenge.Session,
    ChallengeResponses: { USERNAME: "eve@dev.example", NEW_PASSWORD: PASSWORD },
  });
  const { AuthenticationResult } = await cognito.send(answer);
  assert.equal(decodeJwt(AuthenticationResult!.IdToken!)["custom:roles"], "iam:user");
  await assert.rejects(cognito.send(answer), refused("NotAuthorizedException", /Invalid session/));
  await signIn("eve@dev.example");
});

test("passwords are changed by their owner and set by an administrator", async () => {
  await createUser("fred");
  const { AccessToken } = await signIn("fred");
  const change = (PreviousPassword: string, ProposedPassword: string) =>
    cognito.send(new ChangePasswordCommand({ AccessToken, PreviousPassword, ProposedPassword }));
  await assert.rejects(change("Wr0ng-enough!", "An0ther-one!"), refused("NotAuthorizedException"));
  await assert.rejects(change(PASSWORD, "short"), refused("InvalidPasswordException"));
  await change(PASSWORD, "An0ther-one!");
  await assert.rejects(signIn("fred"), refused("NotAuthorizedException"));
  await signIn("fred", "An0ther-one!");
  await cognito.send(
    new AdminSetUserPasswordCommand({ ...inPool("fred"), Password: PASSWORD, Permanent: true }),
  );
  await signIn("fred");
});

test("users are described, listed, disabled and deleted", async () => {
  const sub = await createUser("gina");
  const { RefreshToken } = await signIn("gina");
  const user = await cognito.send(new AdminGetUserCommand(inPool(sub)));
  assert.equal(user.Username, "gina");
  assert.ok(user.UserCreateDate instanceof Date);
  await cognito.send(
    new AdminUpdateUserAttributesCommand({
      ...inPool("gina"),
      UserAttributes: [{ Name: "email", Value: "gina@new.example" }],
    }),
  );
  await signIn("gina@new.example");
  await assert.rejects(signIn("gina@mail.example"), refused("NotAuthorizedException"));
  const UserPoolId = issuer.poolId;
  const all: string[] = [];
  let PaginationToken: string | undefined;
  do {
    const page: ListUsersCommandOutput = await cognito.send(
      new ListUsersCommand({ UserPoolId, Limit: 1, ...(PaginationToken && { PaginationToken }) }),
    );
    all.push(...page.Users!.map(({ Username }) => Username!));
    PaginationToken = page.PaginationToken;
  } while (PaginationToken !== undefined);
  assert.ok(all.includes("gina"));
  assert.equal(new Set(all).size, all.length);
  await cognito.send(new AdminDisableUserCommand(inPool("gina")));
  await assert.rejects(signIn("gina"), refused("NotAuthorizedException", /User is disabled/));
  await assert.rejects(refresh(RefreshToken!), refused("NotAuthorizedException", /disabled/));
  await cognito.send(new AdminDeleteUserCommand(inPool("gina")));
  await assert.rejects(
    cognito.send(new AdminGetUserCommand(inPool("gina"))),
    refused("UserNotFoundException"),
  );
  await assert.rejects(refresh(RefreshToken!), refused("NotAuthorizedException", /revoked/));
});

test("pools and clients are described, without the secret", async () => {
  const UserPoolId = issuer.poolId;
  const { UserPool } = await cognito.send(new DescribeUserPoolCommand({ UserPoolId }));
  assert.equal(UserPool!.Id, UserPoolId);
  const ClientId = issuer.clientId;
  const found = await cognito.send(new DescribeUserPoolClientCommand({ UserPoolId, ClientId }));
  assert.deepEqual(found.UserPoolClient!.AllowedOAuthScopes, issuer.scopes);
  assert.equal(found.UserPoolClient!.ClientSecret, undefined);
});

test("what is not there is refused by Cognito's names", async () => {
  await assert.rejects(
    cognito.send(new DescribeUserPoolCommand({ UserPoolId: "us-east-1_Other" })),
    refused("ResourceNotFoundException"),
  );
  await assert.rejects(
    cognito.send(
      new InitiateAuthCommand({
        AuthFlow: "USER_PASSWORD_AUTH",
        ClientId: "nobody",
        AuthParameters: {},
      }),
    ),
    refused("ResourceNotFoundException"),
  );
  await assert.rejects(
    cognito.send(
      new InitiateAuthCommand({
        AuthFlow: "USER_PASSWORD_AUTH",
        ClientId: issuer.publicClientId,
        AuthParameters: { USERNAME: "ann@dev.example" },
      }),
    ),
    refused("InvalidParameterException", /PASSWORD/),
  );
  await assert.rejects(
    cognito.send(new ForgotPasswordCommand({ ClientId: issuer.publicClientId, Username: "x" })),
    refused("UnknownOperationException"),
  );
  for (const AccessToken of ["no-token", "a.b.c", `${btoa("{}")}.${btoa("null")}.x`]) {
    await assert.rejects(
      cognito.send(new GetUserCommand({ AccessToken })),
      refused("NotAuthorizedException", /Invalid Access Token/),
    );
  }
});

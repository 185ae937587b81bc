import type { Action } from "./action.ts";
import { generatePassword } from "../../auth/password/generator.ts";
import { assertSecretHash } from "./directory.ts";
import {
  attributesOf,
  optionalFlag,
  optionalNumber,
  optionalText,
  textOf,
  type Input,
} from "./input.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import type { Pool } from "./pool.ts";
import { assertPassword, matchesPassword } from "./secrets.ts";
import { notAuthorized, wrongPassword } from "./service-error.ts";
import type { User } from "./users.ts";

/** Meets Cognito's rules, with room to spare. */
export const GENERATED_PASSWORD = Object.freeze({
  profile: "standard",
  minCodePoints: 16,
  maxCodePoints: limits.passwordMaxCharacters,
  maxBytes: undefined,
  isComplex: true,
  minScore: 0,
});

export const userActions: Readonly<Record<string, Action>> = {
  async SignUp(input, directory) {
    const { pool, client } = directory.clientOf(input);
    const username = textOf(input, "Username");
    assertSecretHash(client, optionalText(input, "SecretHash"), [username]);
    const password = textOf(input, "Password");
    assertPassword(password);
    const attributes = attributesOf(input, "UserAttributes");
    const user = pool.users.add({ username, attributes, status: "UNCONFIRMED" });
    await pool.users.setPassword(user, password);
    return { UserConfirmed: false, UserSub: user.sub };
  },
  AdminConfirmSignUp(input, directory) {
    const user = userOf(directory.poolOf(input), input);
    if (user.status !== "UNCONFIRMED") {
      throw notAuthorized(`User cannot be confirmed. Current status is ${user.status}`);
    }
    user.status = "CONFIRMED";
    return {};
  },
  async AdminCreateUser(input, directory) {
    const pool = directory.poolOf(input);
    const username = textOf(input, "Username");
    const given = optionalText(input, "TemporaryPassword");
    const password = given ?? generatePassword({}, GENERATED_PASSWORD);
    assertPassword(password);
    const attributes = attributesOf(input, "UserAttributes");
    const user = pool.users.add({ username, attributes, status: "FORCE_CHANGE_PASSWORD" });
    await pool.users.setPassword(user, password);
    return { User: describe(user, "Attributes") };
  },
  async AdminSetUserPassword(input, directory) {
    const pool = directory.poolOf(input);
    const user = userOf(pool, input);
    const isPermanent = optionalFlag(input, "Permanent");
    await pool.users.setPassword(user, textOf(input, "Password"));
    user.status = isPermanent ? "CONFIRMED" : "FORCE_CHANGE_PASSWORD";
    return {};
  },
  async ChangePassword(input, directory) {
    const { pool, user } = await directory.ownerOf(input);
    const previous = textOf(input, "PreviousPassword");
    if (!(await matchesPassword(previous, user.password))) throw wrongPassword();
    await pool.users.setPassword(user, textOf(input, "ProposedPassword"));
    return {};
  },
  async GetUser(input, directory) {
    const { user } = await directory.ownerOf(input);
    return { Username: user.username, UserAttributes: listAttributes(user) };
  },
  AdminGetUser: (input, directory) =>
    describe(userOf(directory.poolOf(input), input), "UserAttributes"),
  AdminUpdateUserAttributes(input, directory) {
    const pool = directory.poolOf(input);
    pool.users.setAttributes(userOf(pool, input), attributesOf(input, "UserAttributes"));
    return {};
  },
  AdminEnableUser: (input, directory) => setEnabled(directory.poolOf(input), input, true),
  AdminDisableUser: (input, directory) => setEnabled(directory.poolOf(input), input, false),
  AdminDeleteUser(input, directory) {
    const pool = directory.poolOf(input);
    const user = userOf(pool, input);
    pool.users.remove(user);
    pool.grants.revoke(user);
    return {};
  },
  ListUsers(input, directory) {
    const users = directory.poolOf(input).users.all();
    const { page, next } = pageOf(users, input, "PaginationToken");
    return {
      Users: page.map((user) => describe(user, "Attributes")),
      ...(next === undefined ? {} : { PaginationToken: next }),
    };
  },
};

export function userOf(pool: Pool, input: Input): User {
  return pool.users.get(textOf(input, "Username"));
}

/** One page; the mark of the next one is where it begins. */
export function pageOf<T>(
  all: readonly T[],
  input: Input,
  mark: string,
): { page: T[]; next: string | undefined } {
  const count = optionalNumber(input, "Limit", limits.listMaxCount, 1) ?? limits.listMaxCount;
  const from = Number.parseInt(optionalText(input, mark) ?? "0", 10) || 0;
  const end = from + count;
  return { page: all.slice(from, end), next: end < all.length ? String(end) : undefined };
}

function setEnabled(pool: Pool, input: Input, enabled: boolean): object {
  const user = userOf(pool, input);
  user.enabled = enabled;
  pool.users.touch(user);
  return {};
}

function listAttributes(user: User): object[] {
  return [["sub", user.sub], ...user.attributes].map(([Name, Value]) => ({ Name, Value }));
}

function describe(user: User, attributesName: string): object {
  return {
    Username: user.username,
    [attributesName]: listAttributes(user),
    Enabled: user.enabled,
    UserStatus: user.status,
    UserCreateDate: user.createdSeconds,
    UserLastModifiedDate: user.modifiedSeconds,
  };
}

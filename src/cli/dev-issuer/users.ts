import { randomUUID } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { createGroups } from "./groups.ts";
import { assertPassword, hashPassword, type PasswordHash } from "./secrets.ts";
import { ServiceError } from "./service-error.ts";
import { createVerifier, type SrpVerifier } from "./srp.ts";

export type UserStatus = "UNCONFIRMED" | "CONFIRMED" | "FORCE_CHANGE_PASSWORD";

export interface User {
  readonly username: string;
  readonly sub: string;
  readonly attributes: Map<string, string>;
  readonly groups: Set<string>;
  readonly createdSeconds: number;
  modifiedSeconds: number;
  status: UserStatus;
  enabled: boolean;
  password: PasswordHash | undefined;
  srp: SrpVerifier | undefined;
}

export interface NewUser {
  readonly username: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly status: UserStatus;
  /** A new one where it is left out. */
  readonly sub?: string;
}

export type Users = ReturnType<typeof createUsers>;

/** Users and groups of one pool. A user has several names: user name, `sub`, e-mail address. */
export function createUsers(poolName: string, clock: Clock) {
  const names = createNames();
  const users = new Set<User>();

  function get(name: string): User {
    const user = names.find(name);
    if (user === undefined) throw new ServiceError("UserNotFoundException", "User does not exist.");
    return user;
  }

  /** As in a pool that signs in by e-mail: such a user's name is made up. */
  function add({ username, attributes, status, sub = randomUUID() }: NewUser): User {
    const email = username.includes("@") ? username : attributes.get("email");
    const taken = [username, email, sub].some((name) => name !== undefined && names.find(name));
    if (taken) throw new ServiceError("UsernameExistsException", "User already exists");
    if (users.size >= limits.usersMaxCount) {
      throw new ServiceError("LimitExceededException", "the pool is full");
    }
    const user = createUser({ username, sub, status }, clock.nowSeconds());
    users.add(user);
    names.give(user, user.username, sub);
    setAttributes(
      user,
      email === undefined ? attributes : new Map([...attributes, ["email", email]]),
    );
    return user;
  }

  function setAttributes(user: User, attributes: ReadonlyMap<string, string>): void {
    const email = attributes.get("email");
    if (email !== undefined) names.readdress(user, email);
    for (const [name, value] of attributes) user.attributes.set(name, value);
    touch(user);
  }

  async function setPassword(user: User, password: string): Promise<void> {
    assertPassword(password);
    const hash = await hashPassword(password);
    user.srp = createVerifier(poolName, user.username, password);
    user.password = hash;
    touch(user);
  }

  function remove(user: User): void {
    users.delete(user);
    names.take(user);
  }

  function touch(user: User): void {
    user.modifiedSeconds = clock.nowSeconds();
  }

  return {
    add,
    find: names.find,
    get,
    setAttributes,
    setPassword,
    touch,
    remove,
    all: () => [...users],
    groups: createGroups(clock),
  };
}

function createNames() {
  const names = new Map<string, User>();
  const key = (name: string) => name.toLowerCase();
  const find = (name: string) => names.get(key(name));
  return {
    find,
    give(user: User, ...given: readonly string[]): void {
      for (const name of given) names.set(key(name), user);
    },
    readdress(user: User, email: string): void {
      const other = find(email);
      if (other !== undefined && other !== user) {
        throw new ServiceError("AliasExistsException", "An account with the email already exists.");
      }
      const before = user.attributes.get("email");
      if (before !== undefined) names.delete(key(before));
      names.set(key(email), user);
    },
    take(user: User): void {
      for (const [name, one] of names) if (one === user) names.delete(name);
    },
  };
}

/** Nobody signs in as it before it has a password. */
export function createUser(
  { username, sub, status }: { username: string; sub: string; status: UserStatus },
  nowSeconds: number,
): User {
  return {
    username: username.includes("@") ? sub : username,
    sub,
    attributes: new Map(),
    groups: new Set(),
    createdSeconds: nowSeconds,
    modifiedSeconds: nowSeconds,
    status,
    enabled: true,
    password: undefined,
    srp: undefined,
  };
}

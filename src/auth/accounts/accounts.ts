import { platformErrors, type FieldFault } from "../../platform/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { DEFAULT_TENANT_ID, newId } from "../../platform/ids.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate, ProvisionUser } from "../index.ts";
import type { Language } from "../mail/language.ts";
import type { PasswordJudge } from "../password/judge.ts";
import type { Passwords } from "../password/password-port.ts";
import { disable, enable } from "./standing.ts";
import { normaliseEmail, readName, readUsername } from "./identifiers.ts";
import {
  findAccount,
  findAccountById,
  insertAccount,
  listAccounts,
  type Account,
  type NewAccount,
} from "./store.ts";

export interface AccountsOptions {
  readonly database: Database;
  readonly passwords: Pick<Passwords, "hash">;
  readonly judge: Pick<PasswordJudge, "assertAcceptable">;
  readonly provisionUser: ProvisionUser;
  readonly invalidate: Invalidate;
  readonly config: Pick<Config, "publicUrl">;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What somebody gives to get an account. */
export interface AccountRequest {
  readonly email: string;
  readonly password: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
}

export interface CreateOptions {
  readonly tenantId?: string | undefined;
  readonly emailVerified?: boolean | undefined;
  /** Of its mails; default: English. */
  readonly language?: Language | undefined;
  /** For the audit log: an account id or `cli`. Default: the account itself. */
  readonly actor?: string | undefined;
  readonly place?: Place | undefined;
  /** More of the same transaction, after the account and its user are there. */
  readonly within?: ((tx: Transaction, account: Account) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Accounts {
  /**
   * Makes account, credential and IAM user in one transaction. Throws `validation_failed` for
   * unusable identifiers and passwords, `account_exists` (409) when an identifier is taken, also
   * when somebody else took it a moment ago.
   */
  create(request: AccountRequest, options?: CreateOptions): Promise<Account>;
  findById(id: string): Promise<Account | undefined>;
  /** Case does not matter. */
  findByEmail(email: string): Promise<Account | undefined>;
  findByUsername(username: string): Promise<Account | undefined>;
  list(page: { skip: number; limit: number }): Promise<{ accounts: Account[]; total: number }>;
  /**
   * Disabling ends all sessions and counts on the next request, in every process. Throws
   * `not_found`.
   */
  setActive(id: string, active: boolean, actor: string): Promise<void>;
}

/** Accounts as the routes, the command line and the first start see them. */
export function createAccounts(options: AccountsOptions): Accounts {
  const { database } = options;
  return Object.freeze({
    create: (request: AccountRequest, settings: CreateOptions = {}) =>
      create(options, request, settings),
    findById: (id: string) => findAccountById(database, id),
    async findByEmail(text: string) {
      const email = normaliseEmail(text);
      return email === undefined ? undefined : findAccount(database, { email });
    },
    async findByUsername(text: string) {
      const username = readUsername(text);
      return username === undefined ? undefined : findAccount(database, { username });
    },
    list: (page: { skip: number; limit: number }) => listAccounts(database, page),
    setActive: (id: string, active: boolean, actor: string) =>
      active
        ? enable(options, { id }, { actor })
        : disable(options, { id }, { kind: "deactivated" }, { actor }),
  });
}

async function create(
  options: AccountsOptions,
  request: AccountRequest,
  settings: CreateOptions,
): Promise<Account> {
  const prepared = await prepareAccount(options, request, settings);
  try {
    return await options.database.withTransaction(async (tx) => {
      const account = await insertAccount(tx, prepared);
      const { id, tenantId } = account;
      const { publicUrl: issuer } = options.config;
      await options.provisionUser(tx, { userId: id, issuer, subject: id, tenantId });
      await recordEvent(tx, {
        action: "account.register",
        actor: settings.actor ?? id,
        subject: id,
        tenantId,
        ...settings.place,
      });
      await settings.within?.(tx, account);
      return account;
    });
  } catch (error) {
    throw toAccountExists(error) ?? error;
  }
}

/** Checks everything that can be checked without the database, and hashes the password. */
export async function prepareAccount(
  options: AccountsOptions,
  request: AccountRequest,
  settings: CreateOptions,
): Promise<NewAccount> {
  const { passwords, judge, clock } = options;
  const identifiers = readIdentifiers(request);
  const tenantId = settings.tenantId ?? DEFAULT_TENANT_ID;
  await judge.assertAcceptable({
    password: request.password,
    tenantId,
    names: [identifiers.email, identifiers.username, identifiers.name],
    signal: settings.signal,
    place: settings.place,
  });
  return {
    ...identifiers,
    id: newId(clock),
    tenantId,
    emailVerified: settings.emailVerified,
    language: settings.language,
    passwordHash: await passwords.hash(request.password, settings.signal),
  };
}

/** Throws `validation_failed` naming every identifier that cannot be used. */
export function readIdentifiers(request: Omit<AccountRequest, "password">): {
  email: string;
  username: string | undefined;
  name: string | undefined;
} {
  const errors: FieldFault[] = [];
  const read = (field: "email" | "username" | "name", to: (text: string) => string | undefined) => {
    const text = request[field];
    const value = text === undefined ? undefined : to(text);
    if (text !== undefined && value === undefined) errors.push(fieldFault(field));
    return value;
  };
  const email = read("email", normaliseEmail);
  const username = read("username", readUsername);
  const name = read("name", readName);
  if (errors.length > 0) throw platformErrors.failure("validation_failed", { errors });
  return { email: email!, username, name };
}

const MESSAGES = Object.freeze({
  email: "must be an e-mail address",
  username: "must have 3 to 32 letters, digits, dots, dashes or underscores",
  name: "must be a text without control characters",
});

function fieldFault(field: keyof typeof MESSAGES): FieldFault {
  return { path: `/body/${field}`, code: `${field}_invalid`, message: MESSAGES[field] };
}

/** `account_exists` for a taken identifier, naming which; undefined for any other error. */
export function toAccountExists(error: unknown) {
  for (const field of ["username", "email"] as const) {
    if (!isUniqueViolation(error, `accounts_${field}_key`)) continue;
    return authErrors.failure("account_exists", {
      note: field,
      errors: [{ path: `/body/${field}`, code: "taken", message: "is taken" }],
    });
  }
  return undefined;
}

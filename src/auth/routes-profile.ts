import { json } from "../http/reply.ts";
import type { AnyRequest } from "../http/request.ts";
import { defineRoute, type Access, type Route } from "../http/route.ts";
import { platformErrors } from "../platform/errors.ts";
import { changeProfile, type ProfileOptions } from "./accounts/profile.ts";
import { findAccountById, type Account } from "./accounts/store.ts";
import { callerOf, NO_STORE, ownAccountId, toUser } from "./routes-replies.ts";
import { profileAnswer, profileBody } from "./routes-schemas.ts";

/** A profile belongs to a person. */
const USERS: Access = { kind: "authenticated", kinds: ["user"] };

export function createProfileRoutes(deps: ProfileOptions): Route[] {
  return [readProfileRoute(deps), changeProfileRoute(deps)];
}

const aliases = Object.freeze([Object.freeze({ path: "/api/users/me" })]);

const readProfileRoute = ({ database }: ProfileOptions) =>
  defineRoute({
    method: "GET",
    path: "/users/me",
    aliases,
    summary: "The caller's own account",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The account", schema: profileAnswer } },
    async handler({ principal }) {
      const account = await findAccountById(database, ownAccountId(principal));
      if (account === undefined) throw platformErrors.failure("not_found");
      return profileReply(account);
    },
  });

const changeProfileRoute = (deps: ProfileOptions) =>
  defineRoute({
    method: "PUT",
    path: "/users/me",
    aliases,
    summary: "Changes the caller's user name and name",
    description: "`version` in the body, or `If-Match`, refuses to overwrite somebody's change.",
    tag: "auth",
    access: USERS,
    body: profileBody,
    bodyExample: { name: "Ana Maria Souza", version: 1 },
    responses: {
      200: { description: "The account as it is now", schema: profileAnswer },
      409: { description: "`version_conflict`, or `account_exists` for a taken user name" },
    },
    async handler(request) {
      const { principal, body } = request;
      const { username, name, email } = body;
      const version = body.version ?? versionOf(request);
      const account = await changeProfile(
        deps,
        ownAccountId(principal),
        { username, name, email, version },
        callerOf(request),
      );
      return profileReply(account);
    },
  });

function profileReply(account: Account) {
  const { version } = account;
  return json(200, { ...toUser(account), version }, { ...NO_STORE, etag: `"${version}"` });
}

/** The version in `If-Match`. Throws `validation_failed` for one that is not ours. */
function versionOf(request: AnyRequest): number | undefined {
  const text = request.header("if-match");
  if (text === undefined || text === "*") return undefined;
  const version = /^(?:W\/)?"?([1-9]\d{0,8})"?$/.exec(text)?.[1];
  if (version !== undefined) return Number(version);
  throw platformErrors.failure("validation_failed", {
    errors: [{ path: "/headers/if-match", code: "pattern", message: "must be one version" }],
  });
}

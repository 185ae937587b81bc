import type { ContextName } from "../../../src/http/principal.ts";
import { isRejection } from "../../../src/platform/errors.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import type { registerSomebody, TestApp } from "../accounts-rig.ts";

export type Somebody = Awaited<ReturnType<typeof registerSomebody>>;

/** A key made through the route, with its text. */
export async function makeKey(app: TestApp, owner: Somebody, wishes: object = {}) {
  const body = { name: "a key", scopes: ["read", "write"], ...wishes };
  const answer = await app.call("POST", "/auth/api-keys", { body, token: owner.access_token });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
  return { id: answer.body.api_key.id as string, text: answer.body.key as string };
}

/** Gives or takes a role as the iam context does, so that live tokens know at the next request. */
export function changeRole(
  app: TestApp,
  change: "assignRole" | "removeRole",
  userId: string,
  context: ContextName,
  name: string,
) {
  return app.iam.users[change]({ userId, tenantId: DEFAULT_TENANT, context, name });
}

/** `ok`, or the code of the refusal. */
export async function ask(app: TestApp, token: string, address = "192.0.2.1"): Promise<string> {
  const outcome = await app.authenticate(token, address);
  return isRejection(outcome) ? outcome.code : "ok";
}

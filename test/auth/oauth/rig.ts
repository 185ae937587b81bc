import { sql } from "../../../src/platform/sql.ts";
import type { registerAdmin, TestApp } from "../accounts-rig.ts";

export interface Machine {
  readonly id: string;
  readonly secret: string;
}

export type Admin = Awaited<ReturnType<typeof registerAdmin>>;

/** A client with the scopes and, where named, roles `context/name`. */
export async function makeMachine(
  app: TestApp,
  admin: Admin,
  scopes: readonly string[],
  roles: readonly string[] = [],
  extra: object = {},
): Promise<Machine> {
  const answer = await app.call("POST", "/v1/admin/clients", {
    token: admin.access_token,
    body: { name: "printer", scopes, ...extra },
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.text}`);
  const { client_id: id, client_secret: secret } = answer.body.data;
  for (const role of roles) {
    const [context, name] = role.split("/");
    await app.database.query(sql`
      INSERT INTO iam.user_role_association (user_id, role_context, role_name)
      VALUES (${id}, ${context}, ${name})`);
  }
  return { id, secret };
}

export const basic = ({ id, secret }: Machine) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
});

export const askToken = (
  app: TestApp,
  machine: Machine,
  form: Readonly<Record<string, string>> = {},
  address?: string,
) =>
  app.call("POST", "/oauth/token", {
    headers: basic(machine),
    form: { grant_type: "client_credentials", ...form },
    ...(address === undefined ? {} : { address }),
  });

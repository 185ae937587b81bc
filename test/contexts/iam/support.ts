import type { InvalidationKey } from "../../../src/auth/index.ts";
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { createIam } from "../../../src/contexts/iam/index.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";

export const OWN_ISSUER = "https://brigade.example";
export const FOREIGN_ISSUER = "https://issuer.example/pool";
export const TENANT = "00000000-0000-7000-8000-000000000001";
export const OTHER_TENANT = "00000000-0000-7000-8000-000000000002";

/** The real context on a real database; `bumped` are the keys that reached this process. */
export function openIam(database: Database) {
  const bumped: InvalidationKey[] = [];
  const invalidate = createInvalidate({ generations: { bump: (key) => void bumped.push(key) } });
  const iam = createIam({
    database,
    invalidate,
    ownIssuer: OWN_ISSUER,
    foreignIssuers: [FOREIGN_ISSUER],
  });
  return {
    ...iam,
    bumped,
    /** A user as registration makes it. */
    async provision(options: { tenantId?: string; issuer?: string; userId?: string } = {}) {
      const userId = options.userId ?? newId();
      await database.withTransaction((tx) =>
        iam.provisionUser(tx, {
          userId,
          issuer: options.issuer ?? OWN_ISSUER,
          subject: userId,
          tenantId: options.tenantId ?? TENANT,
        }),
      );
      return userId;
    },
  };
}

import type { Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Identity } from "../index.ts";

/**
 * True in SQL if a subject was signed out at or after the second of an authentication: for the read
 * about its token to be joined with. `authTime`: seconds since the epoch.
 */
export function signedOut(issuer: string, subject: string, authTime: number): Sql {
  return sql`EXISTS (SELECT FROM auth.foreign_sign_outs
    WHERE issuer = ${issuer} AND subject = ${subject}
      AND signed_out_at >= to_timestamp(${authTime}::double precision))`;
}

/**
 * From now on nothing counts that the subject got before. One row a subject, for good: refresh
 * tokens of others may live for years. `toleranceSeconds`: how far the issuer's clock may be ahead,
 * within which a new login is refused too. Whoever calls it invalidates the identity.
 */
export async function addSignOut(
  tx: Transaction,
  { issuer, subject }: Identity,
  toleranceSeconds: number,
): Promise<void> {
  await tx.query(sql`
    INSERT INTO auth.foreign_sign_outs AS known (issuer, subject, signed_out_at)
    VALUES (${issuer}, ${subject},
            clock_timestamp() + make_interval(secs => ${toleranceSeconds}::double precision))
    ON CONFLICT (issuer, subject) DO UPDATE
      SET signed_out_at = greatest(known.signed_out_at, excluded.signed_out_at)`);
}

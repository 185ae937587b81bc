import { newId } from "../../platform/ids.ts";
import { riskLimits as limits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { findTenantOfAccount } from "../accounts/store-tenant.ts";
import type { Alerts } from "../alerts/alerts.ts";
import { findSequences } from "../audit/store-recent.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import type { Invalidate } from "../index.ts";
import type { CountryOf } from "../network/country.ts";
import { insertBlock } from "../network/store-blocks.ts";
import {
  findStuffingNetworks,
  findTargetedAccounts,
  findUnknown,
  recordIncident,
  type Finding,
} from "./store-incidents.ts";

/** Two events of one account that mean more together than apart. */
const SEQUENCES: readonly (readonly [kind: string, first: AuditAction, then: AuditAction])[] =
  Object.freeze([
    ["reuse_then_anomaly", "refresh.reuse", "login.anomaly"],
    ["anomaly_after_lock", "account.lock", "login.anomaly"],
  ]);

export interface CorrelationOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly alerts: Alerts;
  readonly invalidate: Invalidate;
  readonly countryOf: CountryOf;
}

/**
 * Looks over what happened of late and records each finding once for its window; returns how many
 * were new. A network that stuffs credentials is shut out for a time, all but known devices. One
 * process at a time has the turn; two at once would still record each finding once.
 */
export function createCorrelation(options: CorrelationOptions): () => Promise<number> {
  const { database, metrics } = options;
  const kinds = ["stuffing_network", "targeted_account", ...SEQUENCES.map(([kind]) => kind)];
  const counters = new Map(
    kinds.map((kind) => [
      kind,
      metrics.counter("brigade_auth_suspicious_total", "Suspicious things that were seen", {
        kind: kind === "stuffing_network" ? "stuffing_incident" : kind,
      }),
    ]),
  );
  return async () => {
    let recorded = 0;
    // Most of them were found by the turn before as well.
    for (const finding of await findUnknown(database, await findAll(database))) {
      const country = isOfNetwork(finding)
        ? await options.countryOf(addressOf(finding))
        : undefined;
      const isNew = await database.withTransaction((tx) => deal(tx, options, finding, country), {
        revocation: true,
      });
      if (!isNew) continue;
      counters.get(finding.kind)?.add();
      recorded++;
    }
    return recorded;
  };
}

async function findAll(database: Database): Promise<Finding[]> {
  const sequences = await Promise.all(
    SEQUENCES.map(async ([kind, first, then]) => {
      const found = await findSequences(database, [first, then], {
        recentSeconds: limits.windowSeconds,
        withinSeconds: limits.sequenceSeconds,
        limit: limits.findingsMaxCount,
      });
      return found.map(({ subject, tenantId }) => ({
        kind,
        key: subject,
        tenantId,
        details: { sequence: `${first}, ${then}` },
      }));
    }),
  );
  return [
    ...(await findStuffingNetworks(database)),
    ...(await findTargetedAccounts(database)),
    ...sequences.flat(),
  ];
}

const isOfNetwork = ({ kind }: Finding) => kind === "stuffing_network";
/** The first address of its network. */
const addressOf = ({ key }: Finding) => key.replace(/\/\d+$/, "");

async function deal(
  tx: Transaction,
  { alerts, invalidate }: CorrelationOptions,
  finding: Finding,
  country: string | undefined,
): Promise<boolean> {
  if (!(await recordIncident(tx, finding))) return false;
  const { kind, key, details } = finding;
  const isNetwork = isOfNetwork(finding);
  await recordEvent(tx, {
    action: "incident",
    subject: isNetwork ? undefined : key,
    tenantId: kind === "targeted_account" ? await findTenantOfAccount(tx, key) : finding.tenantId,
    network: isNetwork ? key : undefined,
    country,
    reason: kind,
  });
  await alerts.toOperators(tx, { kind, subject: key, details });
  if (!isNetwork) return true;
  await insertBlock(tx, {
    id: newId(),
    network: key,
    reason: kind,
    isAutomatic: true,
    createdBy: undefined,
    seconds: limits.blockSeconds,
  });
  invalidate(tx, [{ kind: "policies" }]);
  return true;
}

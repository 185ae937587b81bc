/** The limits of risk, incidents and alerts; imported through `limits.ts`. */
export const riskLimits = Object.freeze({
  /** Two places in two countries may be this much nearer than the countries' middles. */
  travelSlackKm: 1_500,
  travelKmPerHourMax: 1_000,
  /** Of fewer logins no hour is told to be unusual. */
  hoursMinLoginsCount: 20,
  /** An hour with its neighbours is unusual below this share of all logins. */
  unusualHourShare: 0.02,
  /** Countries and programs that are kept of an account. */
  keptPlacesCount: 8,
  /** A refresh token used twice counts against logins for this long. */
  reuseSeconds: 86_400,
  /** How far back the counts of networks and accounts look. */
  windowSeconds: 600,
  /** Identifiers with wrong passwords from one network that are no household any more. */
  stuffingIdentifiersCount: 20,
  /** Networks with wrong passwords for one account that are no owner any more. */
  targetNetworksCount: 10,
  /** How long a network that stuffs credentials is shut out. */
  blockSeconds: 1_800,
  /** Between two events that mean more together. */
  sequenceSeconds: 3_600,
  /** A finding is recorded once in each of these. */
  incidentWindowSeconds: 600,
  incidentKeptSeconds: 90 * 86_400,
  findingsMaxCount: 100,
  correlateEveryMs: 5_000,
  tellLocksEveryMs: 3_000,
});

export const alertLimits = Object.freeze({
  /** One mail of a kind to an owner in this time. */
  ownerWindowSeconds: 3_600,
  /** One alert of a kind about a subject to operators in this time. */
  operatorWindowSeconds: 900,
  /** What an owner is told of. */
  ownerSignals: Object.freeze(["new_device", "new_country", "impossible_travel"]),
  webhookTimeoutMs: 5_000,
  webhookAnswerBytesMax: 16 * 1024,
  webhookSecretMinBytes: 16,
});

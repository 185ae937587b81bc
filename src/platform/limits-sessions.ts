/** The limits of sessions, tokens and machine clients; imported through `limits.ts`. */
export const activityLimits = Object.freeze({
  /** How often a thread writes down which sessions were used. */
  flushMs: 30_000,
  /** A session that was written down this recently, by whichever thread, is left as it is. */
  quietSeconds: 20,
  /** Sessions of one statement. */
  batchMaxCount: 5_000,
  /** Sessions remembered between two writings; more are forgotten, which costs nobody an answer. */
  rememberedMaxCount: 50_000,
});

/** What another service may tell us of a use of a session. */
export const validationLimits = Object.freeze({
  addressMaxCharacters: 64,
  userAgentMaxCharacters: 1_024,
});

export const clientLimits = Object.freeze({
  secretBytes: 32,
  nameMaxCharacters: 120,
  scopesMaxCount: 32,
  audiencesMaxCount: 16,
  audienceMaxCharacters: 255,
  perTenantMaxCount: 1_000,
  /** Live refresh tokens of one client; one more ends the one used the longest ago. */
  grantsMaxCount: 100,
  /** How long a replaced secret stays good at most, and when nothing is said. */
  overlapMaxSeconds: 7 * 86_400,
  overlapSeconds: 86_400,
  /** Callers of whom a thread remembers that their secret was right. */
  trustedMaxCount: 10_000,
  /** Parameters of a form, and the length of one. */
  formParametersMaxCount: 32,
  formBytesMax: 64 * 1024,
});

export const revokedTokenLimits = Object.freeze({
  bulkMaxCount: 1_000,
  tokenIdMaxCharacters: 256,
  reasonMaxCharacters: 200,
  /** Kept this long when nobody says when the token ends: none of ours lives longer. */
  unknownEndSeconds: 3_600 + 60,
  /** No issuer of ours makes tokens that end later. */
  endMaxSeconds: 400 * 86_400,
  /** The last second of the year 9999. */
  expiryMaxSeconds: 253_402_300_799,
  /** Reasons that are told apart in the statistics. */
  reasonsMaxCount: 100,
});

export const pagingLimits = Object.freeze({
  pageMaxCount: 100,
  skipMaxCount: 1_000_000,
});

export const gaugeLimits = Object.freeze({
  /** How often main asks how long the oldest event has waited for its seal. */
  sampleMs: 30_000,
  /** How often it counts the rows of whole tables, which every process does. */
  countMs: 300_000,
});

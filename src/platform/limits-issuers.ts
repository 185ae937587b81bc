/** The limits of what is asked of foreign issuers; imported through `limits.ts`. */
export const keySetLimits = Object.freeze({
  documentBytesMax: 512 * 1024,
  /** Discovery and the key set together. */
  fetchMs: 3_000,
  refreshMs: 15 * 60_000,
  /** Each pause is longer or shorter by up to this share, or all processes come at once. */
  jitterShare: 0.1,
  /** After a failure; doubled after each further one. */
  retryMs: 1_000,
  retryMaxMs: 60_000,
  /** The same while no set counts, and tokens are refused for it. */
  retryUnusableMaxMs: 5_000,
  /** A set counts this long after the issuer last confirmed it. */
  staleMaxMs: 24 * 3_600_000,
  /** Tokens with unknown key names cause one fetch in this time. */
  demandWindowMs: 800,
  /** Those who wait for the next fetch of one issuer. */
  waitersMax: 256,
  /** Key names that are known not to be in a set. */
  absentKidsMax: 1_024,
  /** An unchanged set is written down, and told to the threads, this often. */
  retellMs: 5 * 60_000,
  /** Key names of one issuer for which a thread asks main at a time … */
  threadAsksMax: 32,
  /** … and requests that wait for the answers. */
  threadWaitersMax: 1_024,
  /** A window and a fetch, and some time for the way. */
  threadWaitMs: 4_500,
});

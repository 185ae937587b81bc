/** `brigade dev-issuer`: a user pool of Cognito's kind in the memory of one process. */
export const devIssuerLimits = Object.freeze({
  defaultPort: 9_400,
  bodyBytesMax: 64 * 1024,
  requestMs: 10_000,
  poolsMaxCount: 16,
  usersMaxCount: 10_000,
  groupsMaxCount: 1_000,
  /** Refresh tokens and challenges that are remembered; the oldest is forgotten. */
  grantsMaxCount: 100_000,
  challengesMaxCount: 1_000,
  keyGenerationsMaxCount: 16,
  faultsMaxCount: 100,
  /** Different paths and actions whose requests are counted. */
  targetsMaxCount: 1_000,
  accessSeconds: 3_600,
  idSeconds: 3_600,
  refreshSeconds: 30 * 86_400,
  /** Shortest and longest life that may be asked for. */
  lifeSecondsMin: 1,
  lifeSecondsMax: 10 * 365 * 86_400,
  challengeSeconds: 180,
  offsetSecondsMax: 10 * 365 * 86_400,
  slowMs: 1_000,
  slowMsMax: 600_000,
  passwordMinCharacters: 8,
  passwordMaxCharacters: 256,
  textMaxCharacters: 2_048,
  listMaxCount: 60,
});

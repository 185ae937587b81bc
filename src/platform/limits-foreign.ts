/** The limits of foreign issuers and their tokens; imported through `limits.ts`. */
export const foreignIssuerLimits = Object.freeze({
  issuersMaxCount: 32,
  toleranceSeconds: 5,
  toleranceMaxSeconds: 60,
  lifetimeSeconds: 86_400,
  lifetimeMaxSeconds: 400 * 86_400,
  staleMs: 4_500,
  staleMaxSeconds: 86_400,
  /** Groups of one token. Cognito gives a user at most 100. */
  groupsMaxCount: 200,
  /** Groups that a setting maps, and roles that it gives to one. */
  mappedGroupsMaxCount: 256,
  mappedRolesMaxCount: 64,
  listMaxCount: 64,
  textMaxCharacters: 255,
  urlMaxCharacters: 512,
  fileMaxBytes: 256 * 1024,
  /** A handle of a whole family (`origin_jti`) is kept this long when nobody says when it ends. */
  familySeconds: 400 * 86_400,
});

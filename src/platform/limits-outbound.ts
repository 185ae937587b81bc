/** Tokens that we ask others for; imported through `limits.ts`. */
export const outboundLimits = Object.freeze({
  /** One call of a token endpoint. */
  timeoutMs: 5_000,
  /** All calls for one token, pauses between them as well. */
  deadlineMs: 15_000,
  answerBytesMax: 64 * 1024,
  tokenBytesMax: 16 * 1024,
  /** Calls for one token, the first one included. */
  attemptsMax: 3,
  /** Pause before a call is repeated: anything up to this, and twice that before the next. */
  retryPauseMs: 200,
  retryPauseMaxMs: 2_000,
  /** An issuer that wants to be left alone for longer than this is left alone by failing. */
  retryAfterMaxMs: 3_000,
  /** What an issuer may at most demand. */
  retryAfterMaxSeconds: 600,
  /** A token is renewed so long before its end … */
  renewLeadSeconds: 300,
  /** … but not before this share of its life is over. */
  renewShare: 0.75,
  /** A renewal ahead of time that failed is tried again after this. */
  renewPauseMs: 5_000,
  /** For this long a refusal is given again without asking. */
  refusalKeptMs: 1_000,
  /** The life of a token whose issuer does not say it, and the longest one that is believed. */
  lifeUnsaidSeconds: 60,
  lifeMaxSeconds: 86_400,
  /** Scopes and audiences that one authenticator keeps a token for. */
  tokensMaxCount: 64,
  scopeCharactersMax: 2_048,
  /** How long what an issuer says of its endpoints counts. */
  metadataKeptMs: 86_400_000,
});

/** `POST /auth/cognito/refresh`. */
export const cognitoRefreshLimits = Object.freeze({
  clientIdCharactersMax: 128,
  usernameCharactersMax: 128,
  /** Shorter than a request may take, so that its caller is told. */
  deadlineMs: 8_000,
  retryAfterSeconds: 5,
});

/** Verifying tokens outside of the server. */
export const authorizerLimits = Object.freeze({
  /** How long a token waits for a key that is not here yet. */
  keyWaitMs: 5_000,
  retryAfterSeconds: 5,
});

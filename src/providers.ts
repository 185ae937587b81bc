/**
 * What other programs import as `brigade/providers`: tokens for what they ask of others, and
 * verification of the tokens that they are shown. Nothing here needs Brigade's server or database.
 */
export type { AuthNProvider, AuthZProvider } from "./auth/providers/provider.ts";
export { AuthNHeaders, AuthNToken, type AuthNTokenFields } from "./auth/providers/token.ts";
export { AuthZTokenClaims, type AuthZClaimsFields } from "./auth/providers/claims.ts";
export {
  AuthenticationError,
  ConfigurationError,
  TokenExpiredError,
  TokenValidationError,
  type AuthenticationCode,
  type AuthenticationErrorOptions,
} from "./auth/providers/failures.ts";
export {
  ClientCredentialsAuthenticator,
  CognitoClientCredentialsAuthenticator,
  type ClientCredentialsOptions,
  type CognitoClientCredentialsOptions,
  type OutboundOutcome,
  type OutboundStats,
  type TokenWish,
} from "./auth/outbound/client-credentials.ts";
export type { ClientAuthentication } from "./auth/outbound/token-endpoint.ts";
export {
  CognitoRefresher,
  type CognitoRefresh,
  type CognitoRefresherOptions,
  type CognitoTokens,
} from "./auth/cognito/refresher.ts";
export { CognitoSession, type CognitoSessionOptions } from "./auth/cognito/session.ts";

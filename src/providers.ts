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
export {
  BrigadeAuthorizer,
  CognitoJwtAuthorizer,
  OidcAuthorizer,
  type BrigadeAuthorizerOptions,
  type CognitoJwtAuthorizerOptions,
  type OidcAuthorizerOptions,
} from "./auth/providers/authorizers.ts";
export type { AuthorizerStats } from "./auth/providers/token-authorizer.ts";
export {
  authConfigFromEnv,
  createCognitoAuthenticator,
  createCognitoAuthorizer,
  createCognitoRefresher,
  type AuthConfig,
} from "./auth/providers/auth-config.ts";
export { needsGroup, withChecks, type ClaimsCheck } from "./auth/providers/compose.ts";
export { StaticAuthNProvider, StaticAuthZProvider } from "./auth/providers/static.ts";
export {
  toAuthenticationAnswer,
  verifyAuthorizationHeader,
  type AuthenticationAnswer,
} from "./auth/providers/authorization-header.ts";
export {
  UserContext,
  userContextOf,
  type UserContextFields,
} from "./auth/providers/user-context.ts";
export {
  clientOnboardingUser,
  iamUser,
  productsCatalogUser,
  recipesCatalogUser,
  UserContextExtractor,
  type ContextUser,
  type UserContextExtractorOptions,
} from "./auth/providers/user-context-extractor.ts";

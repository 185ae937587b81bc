import { cognitoFromEnvironment } from "../../platform/config.ts";
import type { Environment } from "../../platform/environment.ts";
import {
  CognitoClientCredentialsAuthenticator,
  type CognitoClientCredentialsOptions,
} from "../outbound/client-credentials.ts";
import { CognitoRefresher } from "../cognito/refresher.ts";
import { CognitoJwtAuthorizer, type CognitoJwtAuthorizerOptions } from "./authorizers.ts";
import { ConfigurationError } from "./failures.ts";

/** What is known of a user pool and of our app client; each part needs some of it. */
export interface AuthConfig {
  readonly cognitoUserPoolId?: string | undefined;
  readonly cognitoClientId?: string | undefined;
  readonly cognitoClientSecret?: string | undefined;
  readonly cognitoDomain?: string | undefined;
  readonly cognitoRegion?: string | undefined;
  readonly cognitoDefaultScope?: string | undefined;
  /** In place of Amazon's address: a Cognito-compatible server. */
  readonly cognitoEndpoint?: string | undefined;
}

/** `COGNITO_*` of the environment. Throws `ConfigurationError` with all faults, and no values. */
export function authConfigFromEnv(environment?: Environment): AuthConfig {
  const { cognito, faults } = cognitoFromEnvironment(environment);
  if (faults.length > 0) throw new ConfigurationError(faults.join("; "));
  if (cognito === undefined) throw new ConfigurationError("COGNITO_USER_POOL_ID is missing");
  return {
    cognitoUserPoolId: cognito.userPoolId,
    cognitoClientId: cognito.clientId,
    cognitoClientSecret: cognito.clientSecret,
    cognitoDomain: cognito.domain,
    cognitoRegion: cognito.region,
    cognitoDefaultScope: cognito.defaultScope,
    cognitoEndpoint: cognito.endpoint,
  };
}

/** Throws `ConfigurationError` for what the configuration does not say. */
export function createCognitoAuthenticator(
  config: AuthConfig,
  options: Partial<CognitoClientCredentialsOptions> = {},
): CognitoClientCredentialsAuthenticator {
  return new CognitoClientCredentialsAuthenticator({
    clientId: clientIdsOf(config)[0]!,
    clientSecret: given(config.cognitoClientSecret, "cognitoClientSecret"),
    cognitoDomain: given(config.cognitoDomain, "cognitoDomain"),
    scope: config.cognitoDefaultScope,
    ...options,
  });
}

/** Throws `ConfigurationError` for what the configuration does not say. */
export function createCognitoAuthorizer(
  config: AuthConfig,
  options: Partial<CognitoJwtAuthorizerOptions> = {},
): CognitoJwtAuthorizer {
  return new CognitoJwtAuthorizer({
    userPoolId: given(config.cognitoUserPoolId, "cognitoUserPoolId"),
    region: config.cognitoRegion,
    clientIds: clientIdsOf(config),
    endpoint: config.cognitoEndpoint,
    ...options,
  });
}

/** Throws `ConfigurationError` for what the configuration does not say. */
export function createCognitoRefresher(config: AuthConfig): CognitoRefresher {
  return new CognitoRefresher({
    userPoolId: given(config.cognitoUserPoolId, "cognitoUserPoolId"),
    region: config.cognitoRegion,
    clientId: clientIdsOf(config)[0]!,
    clientSecret: config.cognitoClientSecret,
    cognitoDomain: config.cognitoDomain,
    endpoint: config.cognitoEndpoint,
  });
}

/** Several with commas between them, as the environment has them; the secret is of the first. */
function clientIdsOf({ cognitoClientId }: AuthConfig): readonly string[] {
  return given(cognitoClientId, "cognitoClientId")
    .split(",")
    .map((id) => id.trim());
}

function given(value: string | undefined, name: string): string {
  if (value === undefined || value === "") throw new ConfigurationError(`${name} is missing`);
  return value;
}

/*
 * An authorizer of one's own, and the same code with a mock in its place:
 *   node --import tsx docs/examples/own-authorizer.ts "$TOKEN"
 */
import {
  authConfigFromEnv,
  AuthenticationError,
  AuthZTokenClaims,
  CognitoJwtAuthorizer,
  StaticAuthZProvider,
  type AuthZProvider,
} from "brigade/providers";

class AdminAuthorizer extends CognitoJwtAuthorizer {
  override async verify(token: string) {
    const claims = await super.verify(token);
    if (!claims.groups.includes("admin")) throw new AuthenticationError("Admin access required");
    return claims.with({ customField: "custom value" });
  }
}

async function greet(provider: AuthZProvider, token: string): Promise<string> {
  try {
    const claims = await provider.verify(token);
    return `hello ${claims.sub}`;
  } catch (error) {
    if (error instanceof AuthenticationError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const config = authConfigFromEnv();
const real = new AdminAuthorizer({
  userPoolId: config.cognitoUserPoolId!,
  region: config.cognitoRegion,
  endpoint: config.cognitoEndpoint,
  clientIds: config.cognitoClientId!.split(","),
});
const mock = new StaticAuthZProvider({
  "a token of a test": new AuthZTokenClaims({
    sub: "somebody",
    iss: "https://issuer.example",
    aud: "app",
    exp: 4_000_000_000,
    iat: 0,
    groups: ["admin"],
  }),
});

console.log(await greet(real, process.argv[2] ?? ""));
console.log(await greet(mock, "a token of a test"));
real.close();

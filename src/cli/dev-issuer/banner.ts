import type { DevIssuer } from "./start.ts";

/** What whoever started it wants to know: where it is, what to give the server, how to ask it. */
export function describeIssuer(
  issuer: DevIssuer,
  { isSecretNew }: { isSecretNew: boolean },
): string[] {
  const { url, poolId, clientId, publicClientId } = issuer;
  const secret = isSecretNew ? issuer.clientSecret : "$DEV_ISSUER_CLIENT_SECRET";
  const user = issuer.users[0]?.email ?? "EMAIL";
  return [
    `issuer: ${issuer.issuer}`,
    ...issuer.pools.slice(1).map(({ issuer: other }) => `issuer: ${other}`),
    ...issuer.users.map(({ email, password }) => `login: ${email}  password: ${password}`),
    `control token: ${issuer.controlToken}`,
    "",
    "Settings of the server, for .env or in front of `npm start`:",
    `  COGNITO_ENDPOINT=${url}`,
    `  COGNITO_REGION=${issuer.region}`,
    `  COGNITO_USER_POOL_ID=${poolId}`,
    `  COGNITO_CLIENT_ID=${clientId},${publicClientId}`,
    `  COGNITO_CLIENT_SECRET=${secret}`,
    `  COGNITO_DOMAIN=${url}`,
    "  COGNITO_PROVISION=create",
    "",
    "A token of the client itself:",
    `  curl -s ${url}/oauth2/token -u '${clientId}:${secret}' -d grant_type=client_credentials`,
    "A token of a user, without a password:",
    `  curl -s ${url}/control/tokens -H 'authorization: Bearer ${issuer.controlToken}' \\`,
    `    -d '{"user":"${user}"}'`,
    `Sign-in with a password needs no secret at the client ${publicClientId}.`,
  ];
}

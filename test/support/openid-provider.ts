import { generateKeyPairSync, type webcrypto } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import * as oauth from "openid-client";
import { freePort } from "./server.ts";

export const API = "urn:brigade:api";
export const OTHER_API = "urn:another:api";
const REDIRECT = "http://127.0.0.1:9/callback";

export interface OpenIdProvider {
  readonly issuer: string;
  /** Access token of a program, for that API. */
  clientToken(resource?: string): Promise<string>;
  /** What somebody has after signing in with a browser (code and PKCE). */
  signIn(login: string): Promise<{ accessToken: string; idToken: string }>;
  stop(): Promise<void>;
}

/** oidc-provider as somebody runs it: its own keys (ES256), JWTs for APIs, groups for people. */
export async function startOpenIdProvider(
  groupsOf: (login: string) => readonly string[],
): Promise<OpenIdProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, configuration(groupsOf));
  const server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const discover = (id: string, authentication: oauth.ClientAuth) =>
    oauth.discovery(new URL(issuer), id, undefined, authentication, {
      execute: [oauth.allowInsecureRequests],
    });
  return {
    issuer,
    async clientToken(resource = API) {
      const client = await discover("machine", oauth.ClientSecretBasic("a secret of the tests"));
      const { access_token: token } = await oauth.clientCredentialsGrant(client, {
        resource,
        scope: "use",
      });
      return token;
    },
    async signIn(login) {
      const client = await discover("app", oauth.None());
      const verifier = oauth.randomPKCECodeVerifier();
      const url = oauth.buildAuthorizationUrl(client, {
        redirect_uri: REDIRECT,
        scope: "openid use",
        resource: API,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      const answer = await throughForms(url, login);
      const tokens = await oauth.authorizationCodeGrant(
        client,
        answer,
        { pkceCodeVerifier: verifier },
        { resource: API },
      );
      return { accessToken: tokens.access_token, idToken: tokens.id_token! };
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function configuration(groupsOf: (login: string) => readonly string[]): object {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = privateKey.export({ format: "jwk" }) as webcrypto.JsonWebKey;
  const common = { id_token_signed_response_alg: "ES256" };
  return {
    jwks: { keys: [{ ...jwk, kid: "es-1", alg: "ES256", use: "sig" }] },
    clients: [
      {
        ...common,
        client_id: "machine",
        client_secret: "a secret of the tests",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      {
        ...common,
        client_id: "app",
        token_endpoint_auth_method: "none",
        redirect_uris: [REDIRECT],
        application_type: "native",
      },
    ],
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, groups: groupsOf(id) }),
    }),
    extraTokenClaims: (_: unknown, token: { accountId?: string }) =>
      token.accountId === undefined ? {} : { groups: groupsOf(token.accountId) },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: "use",
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    cookies: { keys: ["of the tests"] },
  };
}

/** Fills in the login form and the consent form, and follows redirects to where the code goes. */
async function throughForms(start: URL, login: string): Promise<URL> {
  const jar = new Map<string, string>();
  let [url, body]: [URL, URLSearchParams | undefined] = [start, undefined];
  for (let step = 0; step < 12; step++) {
    const reply = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body === undefined ? {} : { method: "POST", body }),
    });
    for (const cookie of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      jar.set(name!, value!);
    }
    const location = reply.headers.get("location");
    const page = await reply.text();
    if (location === null) {
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
      if (prompt === undefined) throw new Error(`no form to fill in: ${page.slice(0, 300)}`);
      body = new URLSearchParams({ prompt, login, password: "any" });
    } else {
      url = new URL(location, url);
      body = undefined;
      if (url.href.startsWith(REDIRECT)) return url;
    }
  }
  throw new Error("the forms do not end");
}

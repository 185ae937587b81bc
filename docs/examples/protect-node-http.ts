/*
 * A server of Node's own `http` that lets in members of the group `admin`:
 *   PORT=8080 node --import tsx docs/examples/protect-node-http.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  authConfigFromEnv,
  createCognitoAuthorizer,
  needsGroup,
  toAuthenticationAnswer,
  verifyAuthorizationHeader,
  withChecks,
} from "brigade/providers";

const authorizer = createCognitoAuthorizer(authConfigFromEnv());
const provider = withChecks(
  withChecks(authorizer, needsGroup("admin")),
  // Claims of our own, for the code behind.
  (claims) => ({ kitchen: claims.groups.includes("cooks") ? "open" : "closed" }),
);

const server = createServer((request, response) => void answer(request, response));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const claims = await verifyAuthorizationHeader(provider, request.headers.authorization);
    send(response, 200, { user_id: claims.sub, groups: claims.groups, kitchen: claims.kitchen });
  } catch (error) {
    const refusal = toAuthenticationAnswer(error);
    if (refusal === undefined) return send(response, 500, { detail: "Internal error" });
    send(response, refusal.status, refusal.body, refusal.headers);
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  console.log(`http://127.0.0.1:${port}`);
});

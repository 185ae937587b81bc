/*
 * A Fastify server whose routes see who is calling:
 *   PORT=8080 node --import tsx docs/examples/protect-fastify.ts
 */
import { fastify, type FastifyRequest } from "fastify";
import {
  authConfigFromEnv,
  AuthenticationError,
  createCognitoAuthorizer,
  type AuthZTokenClaims,
  type CognitoJwtAuthorizer,
  toAuthenticationAnswer,
  verifyAuthorizationHeader,
} from "brigade/providers";

declare module "fastify" {
  interface FastifyRequest {
    caller: AuthZTokenClaims | undefined;
  }
}

const authorizer: CognitoJwtAuthorizer = createCognitoAuthorizer(authConfigFromEnv());
const app = fastify();
app.decorateRequest("caller", undefined);

async function authenticate(request: FastifyRequest): Promise<void> {
  request.caller = await verifyAuthorizationHeader(authorizer, request.headers.authorization);
}

app.setErrorHandler((error, request, reply) => {
  const refusal = toAuthenticationAnswer(error);
  if (refusal === undefined) throw error;
  if (error instanceof AuthenticationError) request.log.info({ reason: error.reason }, "refused");
  return reply.status(refusal.status).headers(refusal.headers).send(refusal.body);
});

app.get("/open", async () => ({ anybody: true }));
app.get("/protected", { preHandler: authenticate }, async ({ caller }) => ({
  user_id: caller?.sub,
  groups: caller?.groups,
}));
app.addHook("onClose", async () => authorizer.close());

console.log(await app.listen({ port: Number(process.env["PORT"] ?? 0), host: "127.0.0.1" }));

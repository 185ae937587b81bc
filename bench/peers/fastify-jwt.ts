// The peer of N3: Fastify with @fastify/jwt, RS256, its cache of verified tokens on, no log.
import { readFileSync } from "node:fs";
import fastifyJwt from "@fastify/jwt";
import fastify from "fastify";

const [, , portText, publicKeyFile] = process.argv;
const app = fastify({ logger: false });
await app.register(fastifyJwt, {
  secret: { public: readFileSync(publicKeyFile!, "utf8") },
  verify: { algorithms: ["RS256"], cache: true },
});
// Fastify awaits its handlers, unlike the framework this rule is about.
// oxlint-disable-next-line oxc/no-async-endpoint-handlers
app.get("/auth/whoami", async (request) => {
  const claims = await request.jwtVerify<{ sub: string; iss: string }>();
  return { user_id: claims.sub, is_authenticated: true, token_info: { issuer: claims.iss } };
});
await app.listen({ port: Number(portText), host: "127.0.0.1" });
process.send?.("ready");

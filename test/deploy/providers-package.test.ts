/** What another program gets that has Brigade among its packages: built code, and its types. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ensureBuilt } from "../support/built.ts";
import { goodToken, startTokenServer } from "../support/token-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");
const execute = promisify(execFile);

let home: string;
before(async () => {
  await ensureBuilt();
  home = mkdtempSync(join(tmpdir(), "brigade-consumer-"));
  const brigade = join(home, "node_modules/brigade");
  mkdirSync(brigade, { recursive: true });
  cpSync(join(ROOT, "package.json"), join(brigade, "package.json"));
  cpSync(join(ROOT, "dist"), join(brigade, "dist"), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(brigade, "node_modules"));
  mkdirSync(join(home, "node_modules/@types"));
  symlinkSync(join(ROOT, "node_modules/@types/node"), join(home, "node_modules/@types/node"));
  writeFileSync(join(home, "package.json"), '{"type":"module"}');
});
after(() => rmSync(home, { recursive: true, force: true }));

test("plain Node imports the build, and gets a token with it", async (t) => {
  const server = await startTokenServer(goodToken());
  t.after(() => server.stop());
  writeFileSync(
    join(home, "app.js"),
    `import { ClientCredentialsAuthenticator, AuthenticationError } from "brigade/providers";
     const [tokenEndpoint] = process.argv.slice(2);
     const provider = new ClientCredentialsAuthenticator({ clientId: "a", clientSecret: "b", tokenEndpoint });
     console.log((await provider.getHeaders()).authorization, AuthenticationError.name);`,
  );
  const ran = await execute(process.execPath, ["app.js", server.tokenEndpoint], { cwd: home });
  assert.equal(ran.stdout, "Bearer token-1 AuthenticationError\n");
});

test("a strict TypeScript program sees its types, and no others than are meant", async () => {
  const types = join(home, "node_modules/brigade/dist/types");
  await execute(process.execPath, [TSC, "-p", "tsconfig.types.json", "--outDir", types], {
    cwd: ROOT,
  });
  writeFileSync(
    join(home, "app.ts"),
    `import { CognitoJwtAuthorizer, withChecks, type AuthNProvider, AuthNToken } from "brigade/providers";
     const authorizer = new CognitoJwtAuthorizer({ userPoolId: "us-east-1_A", clientIds: "a" });
     const claims = await withChecks(authorizer, () => ({ kitchen: "main" })).verify("");
     export const kitchen: string = claims.kitchen;
     export const mock: AuthNProvider = {
       getToken: async () => new AuthNToken({ accessToken: "a", expiresIn: 1 }),
       getHeaders: async () => (await mock.getToken()).toHeaders(),
     };
     // @ts-expect-error the clients are not left out by accident
     new CognitoJwtAuthorizer({ userPoolId: "us-east-1_A" });
     // @ts-expect-error a claim that nobody added
     claims.cellar;`,
  );
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"];
  const words = [TSC, ...options, "--target", "es2023", "--types", "node", "app.ts"];
  const ran = await execute(process.execPath, words, { cwd: home }).catch(
    (error: unknown) => error,
  );
  assert.deepEqual((ran as { stdout: string }).stdout, "");
  const own = ran as { code?: number };
  assert.equal(own.code, undefined);
});

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CognitoIdentityProviderClient,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { until } from "./journey.ts";
import { freePort } from "./server.ts";

export interface CognitoLocal {
  readonly url: string;
  readonly poolId: string;
  readonly clientId: string;
  readonly cognito: CognitoIdentityProviderClient;
  stop(): Promise<void>;
}

/** A pool of cognito-local, in a process and a folder of its own. */
export async function startCognitoLocal(): Promise<CognitoLocal> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), "cognito-local-"));
  const script = createRequire(import.meta.url).resolve("cognito-local/lib/bin/start.js");
  const child = spawn(process.execPath, [script], {
    cwd: folder,
    env: { PATH: process.env["PATH"]!, HOST: "127.0.0.1", PORT: String(port) },
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const cognito = createCognito(url);
  const stop = async () => {
    cognito.destroy();
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until("cognito-local is up", async () => (await fetch(`${url}/health`)).ok);
    const { UserPool } = await cognito.send(new CreateUserPoolCommand({ PoolName: "pool" }));
    const { UserPoolClient } = await cognito.send(
      new CreateUserPoolClientCommand({ UserPoolId: UserPool!.Id, ClientName: "app" }),
    );
    return { url, poolId: UserPool!.Id!, clientId: UserPoolClient!.ClientId!, cognito, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Amazon's own client, of a server that checks no signature. */
export function createCognito(endpoint: string): CognitoIdentityProviderClient {
  return new CognitoIdentityProviderClient({
    region: "us-east-1",
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  });
}

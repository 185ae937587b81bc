import { Pool } from "undici";
import { good } from "../test/auth/issuers/key-set-rig.ts";
import { startKeyServer, type KeyServerMood } from "../test/support/key-server.ts";
import { probe } from "./support/probe.ts";
import { startBenchServer } from "./support/server.ts";
import { quantile } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

const SECONDS = 8;
const WARM_UP_SECONDS = 4;
/** Tokens a second that name keys nobody has, each from a network of its own. */
const FORGED_PER_SECOND = 200;
const MOODS: readonly KeyServerMood[] = ["good", "hangs", "drips", "sends 50 MB"];

/**
 * What an issuer that misbehaves costs everybody else: warm requests are probed at a fixed rate
 * while forged key names make the server ask an issuer that hangs, drips or floods.
 */
export async function run(): Promise<Row[]> {
  const issuer = await startKeyServer();
  issuer.publish(good.jwk);
  const server = await startBenchServer({
    env: {
      NODE_ENV: "development",
      TRUSTED_PROXY_HOPS: "1",
      RATE_LIMIT_ENABLED: "false",
      ISSUERS: JSON.stringify([{ type: "oidc", issuer: issuer.url, audiences: ["api"] }]),
    },
  });
  const pool = new Pool(server.url, { connections: 1_024 });
  try {
    await probe(server.url, server.accessToken, WARM_UP_SECONDS);
    const quiet = await probe(server.url, server.accessToken, SECONDS);
    const rows: Row[] = [];
    for (const mood of MOODS) {
      issuer.be(mood);
      const asked = issuer.counts.keys;
      const [latencies] = await Promise.all([
        probe(server.url, server.accessToken, SECONDS),
        forge(pool, issuer.url, SECONDS),
      ]);
      const ratio = quantile(latencies, 0.99) / quantile(quiet, 0.99);
      rows.push({
        id: "F16",
        what: `an issuer that ${mood === "good" ? "is well" : mood}, ${FORGED_PER_SECOND} forged key names a second: p99 of a warm request, to quiet`,
        target: "",
        holds: undefined,
        measured: `${ratio.toFixed(2)} x (${quantile(quiet, 0.99).toFixed(1)} to ${quantile(latencies, 0.99).toFixed(1)} ms; the issuer was asked ${issuer.counts.keys - asked} times in ${SECONDS} s)`,
      });
    }
    return rows;
  } finally {
    await pool.destroy();
    await server.stop();
    await issuer.close();
  }
}

let serial = 0;

/** Tokens that are good but for a key name nobody has, and for their signature. */
async function forge(pool: Pool, issuer: string, seconds: number): Promise<void> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const begunMs = performance.now();
  const pending: Promise<unknown>[] = [];
  let sent = 0;
  while (performance.now() - begunMs < seconds * 1_000) {
    const due = ((performance.now() - begunMs) / 1_000) * FORGED_PER_SECOND;
    for (; sent < due; sent++) {
      const n = serial++;
      const iat = Math.floor(Date.now() / 1_000);
      const header = part({ alg: "RS256", typ: "at+jwt", kid: `forged-${n}` });
      const claims = part({ iss: issuer, aud: "api", sub: `s${n}`, iat, exp: iat + 600 });
      const token = `${header}.${claims}.${"A".repeat(342)}`;
      const headers = {
        authorization: `Bearer ${token}`,
        "x-forwarded-for": `10.${(n >> 8) & 255}.${n & 255}.1`,
      };
      const asked = pool.request({ method: "GET", path: "/auth/whoami", headers });
      pending.push(asked.then((answer) => answer.body.dump()).catch(() => {}));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(pending);
}

import { createKeySource, type KeySetFault } from "../auth/issuers/key-source.ts";
import { hashPassword } from "../auth/password/hash.ts";
import { fetchLimited } from "../platform/breaker.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { ForeignIssuerSettings } from "../platform/issuer-settings.ts";
import { cliLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { createMetrics } from "../platform/metrics.ts";
import { createRedis } from "../platform/redis.ts";
import { found, well, type Finding, type Tell } from "./doctor-findings.ts";
import { examineMail } from "./doctor-mail.ts";

/** An issuer whose discovery and keys others must be able to read. */
export interface ExaminedIssuer {
  readonly issuer: string;
  /** Of the key that signs, where we know it. */
  readonly kid: string | undefined;
}

/** What we call and what calls us: our own issuer, mail and counters, and the cost of a hash. */
export async function examineServices(
  config: Config,
  { kids, log, tell }: { kids: readonly string[] | undefined; log: Logger; tell: Tell },
): Promise<void> {
  tell(hashCost(timeHash(config)));
  for (const issuer of issuersOf(config, kids)) tell(await examineIssuer(issuer));
  for (const issuer of config.issuers) tell(await examineForeignIssuer(issuer));
  tell(await examineMail(config));
  if (config.redisUrl !== undefined) tell(await examineRedis(config.redisUrl, log));
}

function issuersOf(
  { publicUrl }: Config,
  kids: readonly string[] | undefined,
): readonly ExaminedIssuer[] {
  return [{ issuer: publicUrl, kid: kids?.[0] }];
}

/** The quicker of two: the first one loads code. */
function timeHash({ passwordHash }: Config): number {
  const times = [1, 2].map(() => {
    const beganMs = systemClock.monotonicMs();
    hashPassword("a password to measure with", passwordHash);
    return systemClock.monotonicMs() - beganMs;
  });
  return Math.min(...times);
}

export function hashCost(milliseconds: number): Finding {
  const name = "password hash";
  const text = `${milliseconds.toFixed(0)} ms`;
  if (milliseconds < cliLimits.hashMinMs) return found(name, "hash_too_cheap", text);
  if (milliseconds > cliLimits.hashMaxMs) return found(name, "hash_too_costly", text);
  return well(name, text);
}

/** Discovery names the issuer, its key set is there, and the key that signs is in it. */
export async function examineIssuer({ issuer, kid }: ExaminedIssuer): Promise<Finding> {
  const name = "issuer";
  const read = async (url: string): Promise<Record<string, unknown>> => {
    const { status, body } = await fetchLimited(url, { timeoutMs: cliLimits.serviceWaitMs });
    if (status !== 200) throw new Error(`status ${status}`);
    return JSON.parse(Buffer.from(body).toString("utf8")) as Record<string, unknown>;
  };
  try {
    const discovery = await read(`${issuer}/.well-known/openid-configuration`);
    if (discovery["issuer"] !== issuer) {
      return found(name, "issuer_mismatch", `${issuer} answers as another issuer`);
    }
    const { keys } = await read(String(discovery["jwks_uri"]));
    const isThere = (keys as { kid?: string }[]).some((key) => key.kid === kid);
    return kid === undefined || isThere
      ? well(name, issuer)
      : found(name, "issuer_mismatch", `${issuer} does not publish the key ${kid}`);
  } catch (error) {
    return found(name, "issuer_away", `${issuer}: ${(error as Error).message}`);
  }
}

/** Its keys are read as the server reads them, discovery included. */
async function examineForeignIssuer(settings: ForeignIssuerSettings): Promise<Finding> {
  const name = "foreign issuer";
  const { issuer } = settings;
  try {
    const { keys, leftOut } = await createKeySource(settings).read(true);
    return well(name, [`${issuer}: ${keys.size} keys`, ...leftOut].join("; "));
  } catch (error) {
    const { code, message } = error as KeySetFault;
    const isAway = code === "unreachable" || code === "status";
    const finding = isAway ? "foreign_issuer_away" : "foreign_issuer_unusable";
    return found(name, finding, `${issuer}: ${message}`);
  }
}

/** Asked as the server asks it. The address may hold a password: only the host is told. */
async function examineRedis(url: string, log: Logger): Promise<Finding> {
  const name = "redis";
  const { host } = new URL(url);
  const redis = createRedis({ url, log, metrics: createMetrics() });
  try {
    await redis.run("return 1", [], []);
    return well(name, host);
  } catch (error) {
    return found(name, "redis_away", `${host}: ${(error as Error).message}`);
  } finally {
    redis.close();
  }
}

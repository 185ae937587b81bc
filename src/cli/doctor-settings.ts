import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../platform/config.ts";
import { found, well, type Finding } from "./doctor-findings.ts";

const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/;
const WELL_KNOWN =
  /^(?:(?:pass(?:word|wd)?|secret|change.?me|postgres|admin|root|test|example|default|your.*(?:secret|key)|qwerty|letmein|brigade)[\d\W]*)+$/i;

/** Whether the number of proxies suits the address that callers see. */
export function proxyHops({ publicUrl, trustedProxyHops: hops, environment }: Config): Finding {
  const name = "proxies";
  const { protocol, hostname } = new URL(publicUrl);
  const isLocal = LOCAL_HOST.test(hostname);
  // We speak no TLS ourselves.
  if (protocol === "https:" && hops === 0) {
    return found(name, "proxy_hops_missing", "TRUSTED_PROXY_HOPS is 0");
  }
  if (hops > 0 && isLocal && environment === "production") {
    return found(name, "proxy_hops_needless", `TRUSTED_PROXY_HOPS is ${hops}, callers are local`);
  }
  if (hops > 0 && protocol === "http:" && !isLocal) {
    return found(name, "proxy_hops_needless", `TRUSTED_PROXY_HOPS is ${hops}, callers use http`);
  }
  return well(name, `${hops} trusted`);
}

/** Secrets that are none, and files that others may read. */
export async function examineSecrets(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (config.jwtSecret !== undefined && isWeak(Buffer.from(config.jwtSecret))) {
    findings.push(found("secrets", "secret_weak", "JWT_SECRET"));
  }
  for (const { id, keyBase64 } of config.keyEncryptionKeys) {
    if (isWeak(Buffer.from(keyBase64, "base64"))) {
      findings.push(found("secrets", "secret_weak", `KEY_ENCRYPTION_KEYS, the key "${id}"`));
    }
  }
  if (hasWeakPassword(config.databaseUrl)) {
    findings.push(found("secrets", "database_password_weak", "DATABASE_URL"));
  }
  const files = [config.signingKeyFile, join(config.dataDir, "key-encryption-key")];
  for (const path of files) {
    if (path !== undefined && (await isOpenToOthers(path))) {
      findings.push(found("secrets", "key_file_open", path));
    }
  }
  return findings.length > 0 ? findings : [well("secrets", "none is short, well known or open")];
}

/** A word that everybody tries, few different bytes, or a pattern: each byte follows from the last. */
export function isWeak(secret: Buffer): boolean {
  if (WELL_KNOWN.test(secret.toString("latin1"))) return true;
  if (new Set(secret).size < 10) return true;
  const steps = new Set<number>();
  for (let at = 1; at < secret.length; at++) steps.add((secret[at]! - secret[at - 1]!) & 0xff);
  return steps.size <= 3;
}

function hasWeakPassword(databaseUrl: string | undefined): boolean {
  if (databaseUrl === undefined || !URL.canParse(databaseUrl)) return false;
  const { hostname, password, searchParams } = new URL(databaseUrl);
  if (hostname === "" || LOCAL_HOST.test(hostname) || searchParams.has("host")) return false;
  return password === "" || WELL_KNOWN.test(decodeURIComponent(password));
}

async function isOpenToOthers(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

import { createHash } from "node:crypto";
import { createBreaker, fetchLimited } from "../../platform/breaker.ts";
import type { Config } from "../../platform/config.ts";
import { breachLimits as limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { normalisePassword } from "./policy.ts";

/** `unchecked`: the service gave no usable answer in its time. */
export type BreachVerdict = "breached" | "clean" | "unchecked";

/** Whether a password is known from somebody's leak. Never rejects. */
export type CheckBreach = (password: string) => Promise<BreachVerdict>;

export interface BreachOptions {
  readonly config: Pick<Config, "breachCheck" | "hibpUrl">;
  readonly metrics: Metrics;
  readonly log: Pick<Logger, "warn">;
}

/**
 * The range protocol of Have I Been Pwned: five hexadecimal digits of the SHA-1 leave the process,
 * about a thousand suffixes come back, padded so that their number tells nothing. Undefined where
 * `BREACH_CHECK` does not ask for it: the list of common passwords counts in any case.
 */
export function createCheckBreach({ config, metrics, log }: BreachOptions) {
  if (config.breachCheck !== "hibp") return undefined;
  const breaker = createBreaker("breach-check", {
    timeoutMs: 0,
    onStateChange: (state) => log.warn({ state }, "the breaker of the breach check changed"),
  });
  const outcome = (verdict: BreachVerdict) =>
    metrics.counter("brigade_breach_checks_total", "Passwords looked up in the breach service", {
      outcome: verdict,
    });
  const totals = {
    breached: outcome("breached"),
    clean: outcome("clean"),
    unchecked: outcome("unchecked"),
  };
  const check: CheckBreach = async (password) => {
    const digest = createHash("sha1").update(normalisePassword(password)).digest("hex");
    const hex = digest.toUpperCase();
    let verdict: BreachVerdict;
    try {
      const suffixes = await breaker.run(() => fetchRange(config.hibpUrl, hex.slice(0, 5)));
      verdict = suffixes.has(hex.slice(5)) ? "breached" : "clean";
    } catch {
      // Its error says nothing that the breaker and the count do not say.
      verdict = "unchecked";
    }
    totals[verdict].add();
    return verdict;
  };
  return Object.assign(check, { close: () => breaker.close() });
}

/** The suffixes that were seen at least once. Throws for anything but a whole, well-formed answer. */
async function fetchRange(base: string, prefix: string): Promise<Set<string>> {
  const { status, body } = await fetchLimited(`${base}/range/${prefix}`, {
    headers: { "add-padding": "true", "user-agent": "brigade", accept: "text/plain" },
    timeoutMs: limits.timeoutMs,
    bytesMax: limits.bodyBytesMax,
    isAnonymous: true,
  });
  if (status !== 200) throw new Error(`the breach service answered ${status}`);
  const seen = new Set<string>();
  for (const line of Buffer.from(body).toString("latin1").split("\n")) {
    const [, suffix, count] = /^([0-9A-F]{35}):(\d{1,10})\r?$/i.exec(line) ?? [];
    if (suffix === undefined && line.trim() !== "") throw new Error("the breach service is unwell");
    // A count of 0 is padding.
    if (suffix !== undefined && Number(count) > 0) seen.add(suffix.toUpperCase());
  }
  return seen;
}

import { createHash } from "node:crypto";
import { sessionLimits as limits } from "../../platform/limits.ts";

/** What a caller says of its device. Only the secret proves anything. */
export interface DeviceInfo {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  /** Made and kept by the device; the session then belongs to whoever has it. */
  readonly secret?: string | undefined;
}

/** SHA-256 of the device's secret; the secret itself is never stored. */
export function deviceDigestOf(device: DeviceInfo | undefined): Buffer | undefined {
  if (device?.secret === undefined) return undefined;
  return createHash("sha256").update(device.secret).digest();
}

/** `did` of an access token: the first half of the digest. */
export function deviceIdOf(digest: Buffer | undefined): string | undefined {
  return digest?.subarray(0, 16).toString("base64url");
}

// Order decides: Edge and Opera also call themselves Chrome, and Chrome calls itself Safari.
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:A|iOS)?\//, "Edge"],
  [/\bOPR\/|\bOpera\b/, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
  [/^curl\//, "curl"],
  [/^okhttp\//, "okhttp"],
  [/^python-|^Python\//, "Python"],
  [/^node\b|undici/i, "Node.js"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b|\biPad\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/**
 * A few words by which the owner recognises a session: the name the device gives itself, else
 * program and system by the user agent, without versions. Undefined when nothing is known.
 */
export function describeDevice(
  device: DeviceInfo | undefined,
  userAgent: string,
): string | undefined {
  const named = [device?.name, device?.platform].map(shown).filter((part) => part !== undefined);
  if (named.length > 0) return named.join(" on ");
  const agent = userAgent.slice(0, limits.userAgentReadCharacters);
  const program = PROGRAMS.find(([pattern]) => pattern.test(agent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return program === undefined || system === undefined
    ? (program ?? system)
    : `${program} on ${system}`;
}

function shown(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === undefined || trimmed === "" || /[\p{Cc}\p{Cs}]/u.test(trimmed)
    ? undefined
    : trimmed;
}

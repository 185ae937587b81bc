import type { EnvironmentReader } from "./environment.ts";
import { onboardingLimits as limits } from "./limits.ts";

/** How TypeForm is asked, and how its deliveries are known. Key and secrets: never logged. */
export interface TypeformSettings {
  /** Undefined: TypeForm is not asked. */
  readonly apiKey: string | undefined;
  readonly apiUrl: string;
  /** The first one is told to TypeForm; the others are still accepted. Empty: nothing is. */
  readonly webhookSecrets: readonly string[];
  /** For registrations that name none. */
  readonly webhookUrl: string | undefined;
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export function readOnboarding(
  reader: EnvironmentReader,
  inProduction: boolean,
): { typeform: TypeformSettings; onboardingRetentionDays: number } {
  const apiKey = reader.given("TYPEFORM_API_KEY");
  if (apiKey !== undefined && !isKey(apiKey)) {
    reader.fault(`TYPEFORM_API_KEY must have at least ${limits.apiKeyMinBytes} visible characters`);
  }
  const apiUrl = reader.text("TYPEFORM_API_URL").replace(/\/+$/, "");
  if (!isHttp(apiUrl)) {
    reader.fault("TYPEFORM_API_URL must be a URL that begins with http:// or https://");
  } else if (inProduction && !isPrivateWay(apiUrl)) {
    reader.fault("TYPEFORM_API_URL must begin with https:// in production");
  }
  const webhookUrl = reader.given("TYPEFORM_WEBHOOK_URL");
  if (webhookUrl !== undefined && !isHttp(webhookUrl)) {
    reader.fault("TYPEFORM_WEBHOOK_URL must be a URL that begins with http:// or https://");
  }
  const webhookSecrets = readSecrets(reader, apiKey !== undefined);
  return {
    typeform: { apiKey, apiUrl, webhookSecrets, webhookUrl },
    onboardingRetentionDays: reader.integer("ONBOARDING_RETENTION_DAYS", { min: 1, max: 3_650 }),
  };
}

function readSecrets(reader: EnvironmentReader, isAsked: boolean): string[] {
  const name = "TYPEFORM_WEBHOOK_SECRET";
  const previousName = "TYPEFORM_WEBHOOK_SECRET_PREVIOUS";
  const [secret, previous] = [reader.given(name), reader.given(previousName)];
  for (const [one, value] of [
    [name, secret],
    [previousName, previous],
  ] as const) {
    if (value !== undefined && Buffer.byteLength(value) < limits.secretMinBytes) {
      reader.fault(`${one} must have at least ${limits.secretMinBytes} bytes`);
    }
  }
  // What a form registered without one delivers would be unsigned, and refused.
  if (secret === undefined && isAsked) reader.fault(`${name} is required with TYPEFORM_API_KEY`);
  if (secret === undefined && previous !== undefined) {
    reader.fault(`${previousName} goes with ${name} only`);
  }
  return [secret, previous].filter((value) => value !== undefined);
}

function isKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text) && text.length >= limits.apiKeyMinBytes;
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

function isPrivateWay(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || LOOPBACK.test(hostname);
}

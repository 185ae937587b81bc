import type { EnvironmentReader } from "./environment.ts";
import { alertLimits } from "./limits.ts";

/** Where operators are told of attacks. */
export interface AlertWebhook {
  readonly url: string;
  /** Signs each call: never logged. */
  readonly secret: string;
}

const ADDRESS = /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@[A-Za-z0-9.-]{1,253}$/u;

/** Whom alerts go to; either, both or nobody. */
export function readAlerts(reader: EnvironmentReader): {
  alertEmail: string | undefined;
  alertWebhook: AlertWebhook | undefined;
} {
  const alertEmail = reader.given("ALERT_EMAIL");
  if (alertEmail !== undefined && !ADDRESS.test(alertEmail)) {
    reader.fault("ALERT_EMAIL must be like operators@example.com");
  }
  const url = reader.given("ALERT_WEBHOOK_URL");
  const secret = reader.given("ALERT_WEBHOOK_SECRET");
  if (url !== undefined && !(URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))) {
    reader.fault("ALERT_WEBHOOK_URL must be a URL that begins with http:// or https://");
  }
  if (
    (url !== undefined || secret !== undefined) &&
    Buffer.byteLength(secret ?? "") < alertLimits.webhookSecretMinBytes
  ) {
    const least = alertLimits.webhookSecretMinBytes;
    reader.fault(`ALERT_WEBHOOK_SECRET must have at least ${least} bytes with ALERT_WEBHOOK_URL`);
  }
  const alertWebhook = url === undefined || secret === undefined ? undefined : { url, secret };
  return { alertEmail, alertWebhook };
}

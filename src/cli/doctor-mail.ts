import type { Config } from "../platform/config.ts";
import { greetMailServer } from "../platform/mailer.ts";
import { found, well, type Finding } from "./doctor-findings.ts";

/** Whether mails can leave: nothing is sent. */
export async function examineMail(config: Config): Promise<Finding> {
  const name = "mail";
  const { smtp } = config;
  if (smtp === undefined) {
    return config.environment === "production"
      ? found(name, "smtp_missing", "SMTP_URL is not set")
      : well(name, "no SMTP_URL: mails are shown at /dev/mail");
  }
  const fault = await greetMailServer({ ...config, smtp });
  const where = `${smtp.host}:${smtp.port}`;
  return fault === undefined
    ? well(name, `${where} takes mails from ${config.mailFrom.address}`)
    : found(name, "smtp_away", `${where} does not answer as a mail server (${fault})`);
}

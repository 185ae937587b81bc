import type { Config } from "../platform/config.ts";
import { greetMailServer } from "../platform/mailer.ts";
import type { Finding } from "./doctor.ts";

/** Whether mails can leave: nothing is sent. */
export async function examineMail(config: Config): Promise<Finding> {
  const name = "mail";
  const { smtp } = config;
  if (smtp === undefined) {
    return config.environment === "production"
      ? {
          name,
          verdict: "warn",
          text: "SMTP_URL is not set: no mail is sent, set it and MAIL_FROM",
        }
      : { name, verdict: "ok", text: "no SMTP_URL: mails are shown at /dev/mail" };
  }
  const fault = await greetMailServer({ ...config, smtp });
  const where = `${smtp.host}:${smtp.port}`;
  return fault === undefined
    ? { name, verdict: "ok", text: `${where} takes mails from ${config.mailFrom.address}` }
    : { name, verdict: "fail", text: `${where} does not answer as a mail server (${fault})` };
}

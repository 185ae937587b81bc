import type { Transporter } from "nodemailer";
import { createBreaker, type BreakerState } from "./breaker.ts";
import type { Config } from "./config.ts";
import { AppError } from "./errors.ts";
import { mailLimits as limits } from "./limits.ts";
import type { Mail } from "./mail.ts";

/**
 * What became of a mail. `refused`: this mail will never be taken. `failed`: it may be another
 * time. `away`: the server is known to be away, nothing was tried.
 */
export type MailOutcome =
  | { readonly kind: "sent" }
  | { readonly kind: "refused" | "failed"; readonly reason: string }
  | { readonly kind: "away" };

export interface Mailer {
  /** `id` gives the Message-ID, the same at every try: a mail server can drop the second. */
  send(mail: Mail, id: string): Promise<MailOutcome>;
  state(): BreakerState;
  close(): void;
}

export type MailerSettings = Required<Pick<Config, "mailFrom" | "publicUrl">> & {
  readonly smtp: NonNullable<Config["smtp"]>;
};

export interface MailerOptions {
  readonly failureThreshold?: number;
  readonly recoveryMs?: number;
}

/** Sends over SMTP, behind a circuit breaker. The library is loaded with the first mail. */
export function createMailer(settings: MailerSettings, options: MailerOptions = {}): Mailer {
  const breaker = createBreaker("smtp", { ...options, timeoutMs: 0 });
  const domain = new URL(settings.publicUrl).hostname;
  let transport: Promise<Transporter> | undefined;

  async function deliver(mail: Mail, id: string): Promise<MailOutcome> {
    transport ??= openTransport(settings);
    const { to, subject, text, html } = mail;
    try {
      await within(
        (await transport).sendMail({
          from: { name: settings.mailFrom.name ?? "", address: settings.mailFrom.address },
          // An object and not text: nothing in it is read as a list of addresses.
          to: { name: "", address: to },
          subject,
          text,
          html,
          messageId: `<${id}@${domain}>`,
          headers: { "auto-submitted": "auto-generated", "x-auto-response-suppress": "All" },
          disableFileAccess: true,
          disableUrlAccess: true,
        }),
        limits.deliveryTimeoutMs,
      );
      return { kind: "sent" };
    } catch (error) {
      // A refused recipient says nothing about the server.
      if (isFinal(error)) return { kind: "refused", reason: reasonOf(error) };
      throw error;
    }
  }

  return {
    async send(mail, id) {
      try {
        return await breaker.run(() => deliver(mail, id));
      } catch (error) {
        if (error instanceof AppError) return { kind: "away" };
        return { kind: "failed", reason: reasonOf(error) };
      }
    },
    state: () => breaker.state,
    close() {
      breaker.close();
      void transport?.then((open) => open.close()).catch(() => {});
    },
  };
}

/** Greets the mail server and logs in, without sending. Undefined when that works, else why not. */
export async function greetMailServer(settings: MailerSettings): Promise<string | undefined> {
  const transport = await openTransport(settings);
  try {
    await within(transport.verify(), limits.deliveryTimeoutMs);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    transport.close();
  }
}

async function openTransport({ smtp }: MailerSettings): Promise<Transporter> {
  const { createTransport } = await import("nodemailer");
  const { host, port, secure, requireTls: requireTLS, user, password } = smtp;
  return createTransport({
    host,
    port,
    secure,
    requireTLS,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
    pool: true,
    maxConnections: limits.connectionsMax,
    maxMessages: limits.mailsPerConnectionMax,
    connectionTimeout: limits.connectTimeoutMs,
    greetingTimeout: limits.greetingTimeoutMs,
    socketTimeout: limits.socketTimeoutMs,
    dnsTimeout: limits.connectTimeoutMs,
  });
}

interface SmtpFault {
  readonly code?: unknown;
  readonly responseCode?: unknown;
}

/** RFC 5321 §4.2.1: a 5yz reply to the recipient or the message is for good. */
function isFinal(error: unknown): boolean {
  const { code, responseCode } = error as SmtpFault;
  return (
    typeof responseCode === "number" &&
    responseCode >= 550 &&
    responseCode < 600 &&
    (code === "EENVELOPE" || code === "EMESSAGE")
  );
}

/** Codes only: the server's words may hold the address. */
function reasonOf(error: unknown): string {
  const { code, responseCode } = error as SmtpFault;
  const words = [code, responseCode].filter(
    (word) => typeof word === "string" || typeof word === "number",
  );
  return words.length === 0 ? "failed" : words.join(" ");
}

/** A server that trickles is silent never and done never. */
function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const tooLong = Object.assign(new Error("the delivery took too long"), { code: "EDEADLINE" });
    const timer = setTimeout(() => reject(tooLong), limitMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

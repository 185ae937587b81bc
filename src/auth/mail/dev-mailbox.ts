import { createHash } from "node:crypto";
import { json } from "../../http/reply.ts";
import type { AnyRequest } from "../../http/request.ts";
import { defineRoute, PUBLIC, type Route } from "../../http/route.ts";
import type { Config } from "../../platform/config.ts";
import { platformErrors } from "../../platform/errors.ts";
import { mailLimits } from "../../platform/limits.ts";
import { MAIL_KIND, openMail, type Mail } from "../../platform/mail.ts";
import { listKept } from "../../platform/outbox-store.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { escapeHtml } from "./letter.ts";

export interface MailboxOptions {
  readonly database: Pick<Database, "query">;
  readonly sealer: Sealer;
  readonly config: Pick<Config, "environment" | "smtp">;
}

interface KeptMail extends Mail {
  readonly id: string;
  readonly createdAt: Date;
}

const STYLE =
  "body{font-family:sans-serif;max-width:50em;margin:2em auto}pre{white-space:pre-wrap}";
const CSP = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "sandbox allow-popups allow-popups-to-escape-sandbox",
].join("; ");

/**
 * Where mails go while there is no mail server: a page and a list for scripts. Mails hold tokens,
 * so there are no such routes in production or with a mail server, and elsewhere they answer only
 * to this machine by its own name: not to a neighbour, and not to a page whose name leads here.
 */
export function createMailboxRoutes(options: MailboxOptions): Route[] {
  const { environment, smtp } = options.config;
  if (environment === "production" || smtp !== undefined) return [];
  return [listRoute(options), pageRoute(options)];
}

const common = {
  method: "GET",
  tag: "dev",
  access: PUBLIC,
  quiet: true,
  hidden: true,
} as const;

const listRoute = (options: MailboxOptions) =>
  defineRoute({
    ...common,
    path: "/dev/mail.json",
    summary: "The mails of this development server, the newest first",
    responses: { 200: { description: "Mails" } },
    async handler(request) {
      assertHere(request);
      const mails = await readMails(options);
      return json(200, { mails: mails.map(toView) }, { "cache-control": "no-store" });
    },
  });

const pageRoute = (options: MailboxOptions) =>
  defineRoute({
    ...common,
    path: "/dev/mail",
    summary: "The same to look at",
    responses: { 200: { description: "A page", contentType: "text/html" } },
    async handler(request) {
      assertHere(request);
      return {
        status: 200,
        raw: toPage(await readMails(options)),
        headers: {
          "content-type": "text/html; charset=utf-8",
          "cache-control": "no-store",
          "content-security-policy": CSP,
          "referrer-policy": "no-referrer",
        },
      };
    },
  });

function assertHere(request: AnyRequest): void {
  const host = (request.header("host") ?? "").replace(/:\d+$/, "");
  const isHere =
    /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/.test(request.address) &&
    /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(host);
  if (!isHere) throw platformErrors.failure("not_found");
}

async function readMails({ database, sealer }: MailboxOptions): Promise<KeptMail[]> {
  const rows = await listKept(database, MAIL_KIND, mailLimits.mailboxMaxCount);
  const mails = rows.map(async (row) => {
    // Sealed by another key-encryption key: nothing that this server can show.
    const mail = await openMail(sealer, row).catch(() => undefined);
    return mail && { ...mail, id: row.id, createdAt: row.createdAt };
  });
  return (await Promise.all(mails)).filter((mail) => mail !== undefined);
}

function toView({ id, to, subject, text, html, createdAt }: KeptMail) {
  return { id, to, subject, text, html, created_at: createdAt.toISOString() };
}

function toPage(mails: readonly KeptMail[]): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mail</title>',
    `<style>${STYLE}</style></head><body><h1>Mail</h1>`,
    mails.length === 0 ? "<p>No mail yet.</p>" : "",
    ...mails.map(
      ({ to, subject, text, createdAt }) =>
        `<article><h2>${escapeHtml(subject)}</h2><p>To ${escapeHtml(to)}, ` +
        `${createdAt.toISOString()}</p><pre>${linked(text)}</pre></article>`,
    ),
    "</body></html>",
  ].join("\n");
}

/** Escaped, with addresses of pages as links. */
function linked(text: string): string {
  return escapeHtml(text).replaceAll(
    /https?:\/\/[^\s<]+/g,
    (href) => `<a href="${href}" target="_blank" rel="noreferrer noopener">${href}</a>`,
  );
}

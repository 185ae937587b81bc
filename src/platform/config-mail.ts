import type { EnvironmentReader } from "./environment.ts";

/** How a mail server is reached. The password is in it: never logged. */
export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; else STARTTLS. */
  readonly secure: boolean;
  /** Without STARTTLS nothing is sent. */
  readonly requireTls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

export interface MailSender {
  readonly name: string | undefined;
  readonly address: string;
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/;
const ADDRESS = /^[^\s@<>()[\]\\,;:"\p{Cc}]{1,64}@[A-Za-z0-9.-]{1,253}$/u;

/** The mail settings. `publicUrl` names the sender and leads the links when nothing else does. */
export function readMail(reader: EnvironmentReader, inProduction: boolean, publicUrl: string) {
  const smtp = readSmtp(reader, inProduction);
  const from = readSender(reader, publicUrl);
  if (smtp !== undefined && inProduction && reader.given("MAIL_FROM") === undefined) {
    reader.fault("MAIL_FROM is required with SMTP_URL in production");
  }
  const linkBase = reader.given("MAIL_LINK_BASE");
  if (linkBase !== undefined && !isHttp(linkBase)) {
    reader.fault("MAIL_LINK_BASE must be a URL that begins with http:// or https://");
  }
  return { smtp, mailFrom: from, mailLinkBase: linkBase?.replace(/\/+$/, "") };
}

function readSmtp(reader: EnvironmentReader, inProduction: boolean): SmtpSettings | undefined {
  const given = reader.given("SMTP_URL");
  if (given === undefined) return undefined;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const tls = url?.searchParams.get("tls") ?? undefined;
  const names = url === undefined ? [] : [...url.searchParams.keys()];
  const [user, password] = [decoded(url?.username), decoded(url?.password)];
  if (
    url === undefined ||
    user === undefined ||
    password === undefined ||
    !["", "/"].includes(url.pathname) ||
    url.hash !== "" ||
    !["smtp:", "smtps:"].includes(url.protocol) ||
    url.hostname === "" ||
    names.some((name) => name !== "tls") ||
    ![undefined, "required", "opportunistic"].includes(tls)
  ) {
    // The text may hold a password: it is not repeated.
    reader.fault(
      "SMTP_URL must be like smtp://user:password@host:587 or smtps://… (?tls=required), with %40 " +
        "for @, %25 for % and the like in user and password",
    );
    return undefined;
  }
  const secure = url.protocol === "smtps:";
  const isLocal = LOOPBACK.test(url.hostname);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTls: tls === undefined ? inProduction && !isLocal : tls === "required",
    user: user === "" ? undefined : user,
    password: password === "" ? undefined : password,
  };
}

/** Undefined for a text whose percent signs mean nothing. */
function decoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function readSender(reader: EnvironmentReader, publicUrl: string): MailSender {
  const given = reader.given("MAIL_FROM");
  if (given === undefined) {
    const host = URL.canParse(publicUrl) ? new URL(publicUrl).hostname : "localhost";
    return { name: "Brigade", address: `no-reply@${host}` };
  }
  const [, name, bracketed] = /^([^<>"\p{Cc}]*)<([^<>]*)>$/u.exec(given) ?? [];
  const address = bracketed ?? given;
  if (!ADDRESS.test(address)) {
    reader.fault("MAIL_FROM must be like no-reply@example.com or Brigade <no-reply@example.com>");
  }
  return { name: name?.trim() === "" ? undefined : name?.trim(), address };
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

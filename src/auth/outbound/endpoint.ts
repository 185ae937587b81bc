import { isIPv4 } from "node:net";
import { ConfigurationError } from "../providers/failures.ts";

/**
 * The address of an endpoint that is shown secrets: HTTPS, or HTTP on this machine. Elsewhere HTTP
 * must be asked for. Throws `ConfigurationError`.
 */
export function toEndpoint(text: string, what: string, allowHttp = false): string {
  if (!URL.canParse(text)) throw new ConfigurationError(`${what} must be a URL`);
  const url = new URL(text);
  const isPlain = url.protocol === "http:";
  if (!isPlain && url.protocol !== "https:") {
    throw new ConfigurationError(`${what} must begin with https://`);
  }
  if (isPlain && !allowHttp && !isLoopback(url.hostname)) {
    throw new ConfigurationError(
      `${what} must begin with https://; only this machine may do without`,
    );
  }
  if (url.username !== "" || url.password !== "" || url.hash !== "") {
    throw new ConfigurationError(`${what} must have neither a user name nor a fragment`);
  }
  return url.href;
}

/** A host of Cognito's console, `name.auth.region.amazoncognito.com`, or a URL. */
export function toDomainUrl(domain: string): string {
  const text = domain.includes("://") ? domain : `https://${domain}`;
  return text.replace(/\/+$/, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIPv4(host) && host.startsWith("127."));
}

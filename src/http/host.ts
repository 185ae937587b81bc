// RFC 9110 §7.2: a registered name or an IP literal, with an optional port. No user, no path.
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * Whether a `host` field is well-formed and on the allowlist. `*` allows every host,
 * `*.example.com` the names under it.
 */
export function createHostRule(allowed: readonly string[]): (host: string) => boolean {
  const names = allowed.map((name) => name.toLowerCase());
  const any = names.includes("*");
  const exact = new Set(names);
  const suffixes = names.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
  const isServed = (host: string): boolean => {
    if (!HOST.test(host)) return false;
    if (any) return true;
    const name = host.toLowerCase().replace(/:\d+$/, "");
    return (
      exact.has(name) || exact.has(host.toLowerCase()) || suffixes.some((s) => name.endsWith(s))
    );
  };
  // Nearly every request names the same host as the one before.
  let known: string | undefined;
  return (host) => {
    if (host === known) return true;
    if (!isServed(host)) return false;
    known = host;
    return true;
  };
}

import { createServer } from "node:net";

/**
 * Opens and closes a plain listener on the port. The HTTP threads share the port (SO_REUSEPORT),
 * so a second server would silently take half of the requests; this makes it an error instead.
 *
 * @throws the listen error, with `code` EADDRINUSE, EACCES or EADDRNOTAVAIL
 */
export async function probePort(port: number, host: string): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** One sentence for the person at the terminal. */
export function portSentence(error: NodeJS.ErrnoException, port: number, host: string): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `port ${port} is in use: stop the other program or set PORT`;
    case "EACCES":
      return `port ${port} may not be opened by this user: set PORT to 1024 or more`;
    case "EADDRNOTAVAIL":
      return `no address ${host} on this machine: set HOST`;
    default:
      return `port ${port} on ${host} cannot be opened (${error.code ?? "unknown reason"})`;
  }
}

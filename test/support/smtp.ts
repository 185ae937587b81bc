import { createServer, type Socket } from "node:net";

/** A mail as the server got it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  header(name: string): string | undefined;
}

export interface SmtpServer {
  readonly port: number;
  readonly mails: ReceivedMail[];
  connectionCount(): number;
  /** What recipients are answered from now on; undefined: taken. */
  refuseRecipients(reply: string | undefined): void;
  /** True: the end of a mail is taken in and never answered. */
  swallowAnswers(isSilent: boolean): void;
  close(): Promise<void>;
}

/** A mail server of RFC 5321, as much of it as a client needs: it takes mails and keeps them. */
export async function startSmtpServer(port = 0): Promise<SmtpServer> {
  const mails: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let refusal: string | undefined;
  let isSilent = false;

  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    const say = (line: string) => void socket.write(`${line}\r\n`);
    let from = "";
    let to: string[] = [];
    let data: string[] | undefined;
    const command = (line: string) => {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO" || verb === "HELO") return say("250 test.example");
      if (verb === "MAIL") {
        from = /<([^>]*)>/.exec(line)?.[1] ?? "";
        to = [];
        return say("250 ok");
      }
      if (verb === "RCPT") {
        if (refusal !== undefined) return say(refusal);
        to.push(/<([^>]*)>/.exec(line)?.[1] ?? "");
        return say("250 ok");
      }
      if (verb === "DATA") {
        data = [];
        return say("354 go on");
      }
      if (verb === "QUIT") return void socket.end("221 bye\r\n");
      return say(["RSET", "NOOP"].includes(verb) ? "250 ok" : "502 not here");
    };
    const take = (line: string) => {
      if (data === undefined) return command(line);
      if (line !== ".") return void data.push(line.replace(/^\./, ""));
      mails.push(toMail(from, to, data.join("\r\n")));
      data = undefined;
      if (!isSilent) say("250 kept");
    };
    let rest = "";
    socket.setEncoding("utf8").on("data", (piece: string) => {
      const lines = (rest + piece).split("\r\n");
      rest = lines.pop()!;
      for (const line of lines) take(line);
    });
    say("220 test.example");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    mails,
    connectionCount: () => connections,
    refuseRecipients: (reply) => void (refusal = reply),
    swallowAnswers: (silent) => void (isSilent = silent),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function toMail(from: string, to: readonly string[], raw: string): ReceivedMail {
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replaceAll(/\r\n[ \t]+/g, " ");
  return {
    from,
    to,
    raw,
    header(name) {
      const line = head
        .split("\r\n")
        .find((text) => text.toLowerCase().startsWith(`${name.toLowerCase()}:`));
      return line?.slice(name.length + 1).trim();
    },
  };
}

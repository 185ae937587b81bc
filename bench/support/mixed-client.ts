// A client in a process of its own. Bodies are read and not looked at: the time that took would be
// time the server waits for.
import { Pool } from "undici";
import type { MixedLoad, MixedResult, Shot } from "./mixed-load.ts";

process.on("message", (message) => {
  void run(message as MixedLoad).then((result) => process.send!(result));
});

async function run(load: MixedLoad): Promise<MixedResult> {
  const { shots, connections, requestsMax = Infinity, warmUpSeconds = 0 } = load;
  const pool = new Pool(load.url, { connections, pipelining: 1 });
  const byShot: number[][] = shots.map(() => []);
  const failures = new Set<string>();
  const countedFrom = performance.now() + warmUpSeconds * 1000;
  const until = countedFrom + load.seconds * 1000;
  let [next, bytes] = [0, 0];
  const client = async () => {
    while (performance.now() < until && next < requestsMax) {
      const index = next++ % shots.length;
      const begun = performance.now();
      const answer = await ask(pool, shots[index]!);
      if (begun < countedFrom) continue;
      byShot[index]!.push(performance.now() - begun);
      if (typeof answer === "number") bytes += answer;
      else failures.add(answer);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - countedFrom) / 1000;
  await pool.close();
  return { latenciesMs: byShot.flat(), byShot, seconds, bytes, failures: [...failures] };
}

/** Bytes of the answer, or what it was when it was none of 200. */
async function ask(pool: Pool, { method, path, token, body }: Shot): Promise<number | string> {
  const answer = await pool.request({
    method,
    path,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
  if (answer.statusCode !== 200) {
    return `${method} ${path}: ${answer.statusCode} ${await answer.body.text()}`;
  }
  await answer.body.dump({ limit: Infinity });
  return Number(answer.headers["content-length"] ?? 0);
}

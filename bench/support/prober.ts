// A client in a process of its own: its event loop is not the one that sends the storm.
import { Pool } from "undici";

const [, , url, token, secondsText, everyMsText] = process.argv;
const pool = new Pool(url!, { connections: 8, pipelining: 1 });
const latenciesMs: number[] = [];
const pending: Promise<void>[] = [];
for (let i = 0; i < 200; i++) await probe();
latenciesMs.length = 0;
const until = performance.now() + Number(secondsText) * 1000;
while (performance.now() < until) {
  pending.push(probe());
  await new Promise((resolve) => setTimeout(resolve, Number(everyMsText)));
}
await Promise.all(pending);
await pool.close();
process.send?.(latenciesMs);

async function probe(): Promise<void> {
  const begun = performance.now();
  const answer = await pool.request({
    method: "GET",
    path: "/auth/whoami",
    headers: { authorization: `Bearer ${token}` },
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`whoami: ${answer.statusCode}`);
  latenciesMs.push(performance.now() - begun);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { UwsRequest } from "../../../src/http/uws/read-request.ts";

/** A request whose body is handed over piece by piece. */
function receiving(length: number) {
  let give: (chunk: ArrayBuffer, isLast: boolean) => void = () => {};
  const response = { onData: (handler: typeof give) => void (give = handler) };
  const head = {
    getCaseSensitiveMethod: () => "POST",
    getUrl: () => "/",
    getQuery: () => "",
    forEach: () => {},
  };
  const budget = { usedBytes: 0 };
  const request = new UwsRequest(
    response as unknown as HttpResponse,
    head as unknown as HttpRequest,
    budget,
  );
  request.expectBody(length);
  const body = request.receiveBody();
  return { body, budget, give: (chunk: ArrayBuffer, isLast: boolean) => give(chunk, isLast) };
}

const piece = (...bytes: number[]) => new Uint8Array(bytes).buffer;

test("a body comes out as it went in, however it was cut", async () => {
  for (const cuts of [[10], [1, 9], [3, 0, 3, 4], Array<number>(10).fill(1)]) {
    const { body, budget, give } = receiving(10);
    let at = 0;
    for (const [index, size] of cuts.entries()) {
      const chunk = Array.from({ length: size }, () => at++);
      const memory = piece(...chunk);
      give(memory, index === cuts.length - 1);
      // The native code takes its memory back.
      new Uint8Array(memory).fill(255);
    }
    assert.deepEqual([...(await body)], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], String(cuts));
    assert.equal(budget.usedBytes, 0);
  }
});

test("a body that comes byte by byte takes no more than twice its size", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const length = 500_000;
  const { body, budget, give } = receiving(length);
  const one = piece(7);
  collect();
  const before = process.memoryUsage();
  for (let sent = 1; sent < length; sent++) give(one, false);
  collect();
  const after = process.memoryUsage();
  const heldBytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.equal(budget.usedBytes, length - 1);
  assert.ok(heldBytes < 3 * length, `${heldBytes} bytes for ${length}`);
  give(one, true);
  assert.equal((await body).length, length);
});

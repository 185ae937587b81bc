// Loaded into every thread of a server under test. An HTTP thread whose slot is named in the file
// `order` of DATA_DIR (`crash 0`, `hang 1`) does that, once for each change of the file.
import { readFileSync } from "node:fs";
import { isMainThread, workerData } from "node:worker_threads";

const slot = isMainThread ? "main" : workerData?.slot;
if (slot !== undefined && process.env.DATA_DIR !== undefined) {
  let done = read();
  setInterval(() => {
    const order = read();
    if (order === done) return;
    done = order;
    if (order === `crash ${slot}`) throw new Error("crash by order of a test");
    if (order === `reject ${slot}`) void Promise.reject(new Error("rejection by order of a test"));
    if (order === `hang ${slot}`) for (;;);
  }, 20).unref();
}

function read() {
  try {
    return readFileSync(`${process.env.DATA_DIR}/order`, "utf8").trim().replace(/ #.*/, "");
  } catch {
    return "";
  }
}

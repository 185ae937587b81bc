// The peer of N1 and N2: the least a uWebSockets.js server can do.
import { App } from "uWebSockets.js";

const port = Number(process.argv[2]);
App()
  .any("/*", (response) => {
    response.cork(() => {
      response.writeHeader("content-type", "application/json").end('{"hello":"world"}');
    });
  })
  .listen("127.0.0.1", port, (token) => {
    if (!token) process.exit(1);
    process.send?.("ready");
  });

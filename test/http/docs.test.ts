import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { createDocsRoutes } from "../../src/http/docs.ts";
import { json } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute } from "../../src/http/route.ts";
import { startServer } from "./fixture.ts";

const whoami = defineRoute({
  method: "GET",
  path: "/auth/whoami",
  summary: "Who is calling",
  tag: "auth",
  access: AUTHENTICATED,
  direct: true,
  responses: { 200: { description: "The caller" } },
  handler: ({ principal }) => json(200, { user_id: principal.userId }),
});
const docs = createDocsRoutes({ routes: [whoami], config: { publicUrl: "https://api.example" } });
const server = await startServer({ routes: [whoami, ...docs] });
after(() => server.close());

test("the documents have their types, and nothing may come from elsewhere", async () => {
  const types = {
    "/docs": "text/html; charset=utf-8",
    "/docs/": "text/html; charset=utf-8",
    "/docs/init.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
    "/openapi.json": "application/json",
  };
  for (const [path, type] of Object.entries(types)) {
    const response = await fetch(server.url + path);
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("content-type"), type);
    assert.match(response.headers.get("content-security-policy")!, /default-src 'none'/);
    assert.ok(!/unsafe|https?:|\*/.test(response.headers.get("content-security-policy")!));
    assert.ok((await response.arrayBuffer()).byteLength > 100, path);
  }
});

test("a document that did not change is not sent again", async () => {
  const etag = (await fetch(`${server.url}/openapi.json`)).headers.get("etag")!;
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const response = await fetch(`${server.url}/openapi.json`, {
      headers: { "if-none-match": tag },
    });
    assert.deepEqual([response.status, await response.text()], [304, ""], tag);
    assert.equal(response.headers.get("etag"), etag);
  }
  const other = await fetch(`${server.url}/openapi.json`, { headers: { "if-none-match": '"x"' } });
  assert.equal(other.status, 200);
});

test("the docs are not in the access log", () => {
  assert.deepEqual(
    server.lines.filter(({ message }) => message === "request"),
    [],
  );
});

const CHROMIUM = "/usr/bin/chromium";
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed`;

test(
  "the page renders in a browser, and a bearer token entered there works",
  { skip },
  async (t) => {
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    t.after(() => browser.close());
    const page = await browser.newPage();
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !url.startsWith("data:")) foreign.push(url);
    });
    await page.goto(`${server.url}/docs/`);
    await page.getByText("Who is calling").waitFor();
    assert.deepEqual([complaints, foreign], [[], []]);

    await page.locator("button.authorize").first().click();
    await page.locator("#auth-bearer-value").fill("user-ann");
    await page.locator(".auth-btn-wrapper button.authorize").first().click();
    await page.locator(".auth-btn-wrapper button.btn-done").first().click();
    await page.getByText("Who is calling").click();
    await page.locator("button.execute").click();
    const answer = page.locator(".live-responses-table .microlight").first();
    await answer.waitFor();
    assert.match(await answer.innerText(), /"user_id": "ann"/);
    assert.deepEqual([complaints, foreign], [[], []]);
  },
);

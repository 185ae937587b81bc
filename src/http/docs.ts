import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Config } from "../platform/config.ts";
import { httpLimits } from "../platform/limits.ts";
import { toOpenApi } from "./openapi.ts";
import type { Reply } from "./reply.ts";
import type { AnyRequest } from "./request.ts";
import { defineRoute, PUBLIC, type Route } from "./route.ts";

const API_VERSION = "1.0.0";

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Brigade API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js" charset="utf-8"></script>
<script src="/docs/init.js" charset="utf-8"></script>
</body>
</html>
`;

// A file of its own: the policy allows no script inside the page.
const INIT = `window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
`;

interface Document {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * `/openapi.json` and the page that shows it, from files on this machine: nothing is fetched from
 * elsewhere. The routes are those to describe.
 */
export function createDocsRoutes(options: {
  readonly routes: readonly Route[];
  readonly config: Pick<Config, "publicUrl">;
}): Route[] {
  const about = { version: API_VERSION, issuer: options.config.publicUrl };
  const distribution = (name: string) => () => readFile(join(swaggerFolder(), name));
  return [
    documentRoute("/openapi.json", "application/json", "The description of this API", async () =>
      Buffer.from(JSON.stringify(toOpenApi(options.routes, about))),
    ),
    documentRoute("/docs", "text/html; charset=utf-8", "This API, to read and to try", async () =>
      Buffer.from(PAGE),
    ),
    // Without the charset the bundle is read as Latin-1 and does not parse.
    documentRoute("/docs/init.js", "text/javascript; charset=utf-8", "Script", async () =>
      Buffer.from(INIT),
    ),
    documentRoute(
      "/docs/swagger-ui-bundle.js",
      "text/javascript; charset=utf-8",
      "Script",
      distribution("swagger-ui-bundle.js"),
    ),
    documentRoute(
      "/docs/swagger-ui.css",
      "text/css; charset=utf-8",
      "Style",
      distribution("swagger-ui.css"),
    ),
    documentRoute(
      "/docs/favicon-32x32.png",
      "image/png",
      "Icon",
      distribution("favicon-32x32.png"),
    ),
  ];
}

function swaggerFolder(): string {
  return dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
}

/** A document that is read when it is first asked for and kept. */
function documentRoute(
  path: string,
  contentType: string,
  summary: string,
  read: () => Promise<Uint8Array>,
): Route {
  let document: Promise<Document> | undefined;
  const load = async (): Promise<Document> => {
    const bytes = await read();
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const headers = Object.freeze({
      "content-type": contentType,
      etag,
      "cache-control": `public, max-age=${httpLimits.docsMaxAgeSeconds}, must-revalidate`,
      "content-security-policy": CSP,
      "cross-origin-opener-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=()",
    });
    return { bytes, headers };
  };
  const handler = async (request: AnyRequest): Promise<Reply> => {
    document ??= load();
    try {
      const { bytes, headers } = await document;
      const isKnown = matches(request.header("if-none-match"), headers["etag"]!);
      return isKnown ? { status: 304, headers } : { status: 200, headers, raw: bytes };
    } catch (error) {
      // Tried again by the next request.
      document = undefined;
      throw error;
    }
  };
  return defineRoute({
    method: "GET",
    path,
    summary,
    tag: "docs",
    access: PUBLIC,
    quiet: true,
    hidden: true,
    responses: { 200: { description: summary, contentType } },
    handler,
  });
}

/** RFC 9110 §13.1.2, weak comparison. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

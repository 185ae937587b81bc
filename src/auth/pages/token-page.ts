import { createHash } from "node:crypto";
import type { Reply } from "../../http/reply.ts";
import { defineRoute, PUBLIC, type Method, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import { languageOf, type Language } from "../mail/language.ts";
import { escapeHtml } from "../mail/letter.ts";

/** The words of a page in one language. */
export interface PageWords {
  readonly title: string;
  readonly button: string;
  readonly done: string;
  readonly failed: string;
  /** The label of the one field, when there is one. */
  readonly field?: string;
}

/** A page that a mail leads to. */
export interface TokenPage {
  readonly path: string;
  readonly summary: string;
  /** What its button calls, with the token and the field in a JSON body. */
  readonly endpoint: string;
  readonly method: Method;
  /** Name of a field for a new password in the body. */
  readonly passwordField?: string;
  readonly words: Readonly<Record<Language, PageWords>>;
}

const STYLE =
  "body{font-family:sans-serif;max-width:28em;margin:4em auto;padding:0 1em}" +
  "input,button{font-size:1em;padding:.6em;margin:.4em 0;box-sizing:border-box;width:100%}";

// The token is taken out of the address at once: it stays in no history.
const SCRIPT = `"use strict";
const form = document.querySelector("form");
const said = document.querySelector("output");
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
history.replaceState(null, "", location.pathname);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(form));
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await window.fetch(form.dataset.endpoint, {
      method: form.dataset.method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, ...fields }),
      credentials: "omit",
    });
    const body = answer.status === 204 ? {} : await answer.json();
    const reasons = (body.errors ?? []).map((error) => error.message).join("; ");
    said.textContent = answer.ok ? form.dataset.done : [form.dataset.failed, reasons].join(" ");
    form.hidden = answer.ok;
  } catch {
    said.textContent = form.dataset.failed;
  }
  button.disabled = false;
});
`;

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const HEADERS = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  vary: "accept-language",
  "referrer-policy": "no-referrer",
  "content-security-policy": [
    "default-src 'none'",
    `script-src ${hashOf(SCRIPT)}`,
    `style-src ${hashOf(STYLE)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
});

/**
 * The page behind a link, for where no front end is configured. It is the same for everybody: the
 * token never reaches us with it, and nothing happens before the button is pressed.
 */
export function createTokenPage(page: TokenPage): Route {
  const replies = Object.fromEntries(
    Object.entries(page.words).map(([language, words]) => [
      language,
      Object.freeze({ status: 200, headers: HEADERS, raw: toHtml(page, words, language) }),
    ]),
  ) as unknown as Record<Language, Reply>;
  return defineRoute({
    method: "GET",
    path: page.path,
    summary: page.summary,
    tag: "auth",
    access: PUBLIC,
    // Whatever a mail program hangs on to a link.
    query: Type.Object({}, { additionalProperties: true }),
    hidden: true,
    responses: { 200: { description: "A page", contentType: "text/html" } },
    handler: (request) => replies[languageOf(request.header("accept-language"))],
  });
}

function toHtml(page: TokenPage, words: PageWords, language: string): string {
  const { endpoint, method, passwordField } = page;
  const data = Object.entries({ endpoint, method, done: words.done, failed: words.failed })
    .map(([name, value]) => `data-${name}="${escapeHtml(value)}"`)
    .join(" ");
  const field =
    passwordField === undefined
      ? ""
      : `<label>${escapeHtml(words.field ?? "")}<input type="password" required ` +
        `name="${escapeHtml(passwordField)}" autocomplete="new-password"></label>`;
  return [
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">',
    `<title>${escapeHtml(words.title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeHtml(words.title)}</h1><form ${data}>${field}`,
    `<button type="submit">${escapeHtml(words.button)}</button></form><output></output>`,
    `<script>${SCRIPT}</script></body></html>`,
  ].join("\n");
}

import { mailLimits } from "../../platform/limits.ts";
import type { MailContent } from "../../platform/mail.ts";
import type { Language } from "./language.ts";

/** What every mail of ours is made of. All of it is plain text; it is escaped here. */
export interface Letter {
  readonly language: Language;
  readonly subject: string;
  /** Whom it greets; undefined greets nobody by name. */
  readonly name?: string | undefined;
  readonly paragraphs: readonly string[];
  readonly button?: { readonly label: string; readonly href: string } | undefined;
  /** Small print behind the button. */
  readonly closing?: readonly string[];
}

const GREETINGS: Readonly<Record<Language, (name: string | undefined) => string>> = Object.freeze({
  en: (name) => (name === undefined ? "Hello," : `Hello ${name},`),
  "pt-BR": (name) => (name === undefined ? "Olá," : `Olá, ${name},`),
});

/** A letter as text and as HTML with the same words. Throws `TypeError` for a link that is none. */
export function toMail(letter: Letter): MailContent {
  const { language, button, closing = [] } = letter;
  const greeting = GREETINGS[language](letter.name && oneLine(letter.name));
  const paragraphs = letter.paragraphs.map(oneLine);
  const href = button === undefined ? undefined : linkOf(button.href);
  const text = [
    greeting,
    ...paragraphs,
    ...(href === undefined ? [] : [href]),
    ...closing,
    "Brigade",
  ];
  const html = [
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width"></head>',
    '<body style="font-family:sans-serif;font-size:16px;line-height:1.5;color:#222">',
    ...[greeting, ...paragraphs].map((words) => `<p>${escapeHtml(words)}</p>`),
    ...(href === undefined ? [] : [buttonOf(href, button!.label)]),
    ...closing.map((words) => `<p style="font-size:13px;color:#666">${escapeHtml(words)}</p>`),
    "<p>Brigade</p></body></html>",
  ];
  return Object.freeze({
    subject: oneLine(letter.subject).slice(0, mailLimits.subjectMaxCharacters),
    text: `${text.join("\n\n")}\n`,
    html: html.join("\n"),
  });
}

function buttonOf(href: string, label: string): string {
  const shown = escapeHtml(href);
  return [
    `<p><a href="${shown}" style="display:inline-block;padding:10px 18px;background:#1f6f43;`,
    `color:#fff;text-decoration:none;border-radius:4px">${escapeHtml(label)}</a></p>`,
    `<p style="font-size:13px;color:#666;word-break:break-all">${shown}</p>`,
  ].join("");
}

/** Only what a browser may follow from a mail. */
function linkOf(href: string): string {
  const url = new URL(href);
  if (!["http:", "https:"].includes(url.protocol)) throw new TypeError("not a link for a mail");
  return url.href;
}

/** Names come from people: no line breaks that would make headers or paragraphs of their own. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

const ENTITIES: Readonly<Record<string, string>> = Object.freeze({
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
});

/** Text as it may stand in HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

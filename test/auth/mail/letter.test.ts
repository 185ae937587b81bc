import assert from "node:assert/strict";
import { test } from "node:test";
import * as mails from "../../../src/auth/mail/account-mails.ts";
import { languageOf } from "../../../src/auth/mail/language.ts";
import { toMail } from "../../../src/auth/mail/letter.ts";
import { linkTo } from "../../../src/auth/mail/links.ts";

const HREF = "https://brigade.test/auth/email/verify#token=abc";

test("a name cannot bring markup, headers or paragraphs of its own into a mail", () => {
  const name = '<img src=x onerror="x()">\r\nBcc: all@test.example\u2028\n\nPay here: http://evil';
  const mail = mails.verifyEmailMail({ language: "en", name, href: HREF, hours: 24 });
  assert.doesNotMatch(mail.html, /<img/);
  assert.match(mail.html, /&lt;img src=x onerror=&quot;x\(\)&quot;&gt;/);
  assert.equal(mail.text.split("\n\n")[0]!.includes("Bcc: all@test.example"), true);
  assert.doesNotMatch(mail.text, /^Bcc:/m);
  const subject = toMail({ language: "en", subject: "a\r\nBcc: b", paragraphs: [] }).subject;
  assert.equal(subject, "a Bcc: b");
});

test("a mail says the same in text and in HTML, in both languages", () => {
  for (const language of ["en", "pt-BR"] as const) {
    const values = { language, name: "Ana", href: HREF, hours: 24, isDone: true };
    for (const [name, make] of Object.entries(mails)) {
      const { subject, text, html } = make(values);
      assert.ok(subject.length > 5, name);
      assert.match(html, new RegExp(`lang="${language}"`));
      const plain = html.replaceAll(/<[^>]+>/g, " ").replaceAll("&#39;", "'");
      for (const paragraph of text.split("\n\n").slice(0, 2)) {
        assert.ok(plain.includes(paragraph.trim()), `${name}: ${paragraph}`);
      }
    }
  }
});

test("a link that a browser should not follow from a mail is refused", () => {
  const letter = { language: "en", subject: "s", paragraphs: [] } as const;
  for (const href of ["javascript:alert(1)", "data:text/html,x", "/relative"]) {
    assert.throws(() => toMail({ ...letter, button: { label: "x", href } }), TypeError);
  }
});

test("links lead to our own pages, or below MAIL_LINK_BASE, with the token behind the hash", () => {
  const publicUrl = "https://api.test";
  assert.equal(
    linkTo("verifyEmail", "t-1", { publicUrl, mailLinkBase: undefined }),
    "https://api.test/auth/email/verify#token=t-1",
  );
  assert.equal(
    linkTo("verifyEmail", "t-1", { publicUrl, mailLinkBase: "https://app.test/account" }),
    "https://app.test/account/verify-email#token=t-1",
  );
});

test("the language of a mail follows Accept-Language", () => {
  for (const [header, language] of [
    [undefined, "en"],
    ["", "en"],
    ["pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"],
    ["pt", "pt-BR"],
    ["en;q=0.5, pt-PT;q=0.7", "pt-BR"],
    ["de, en;q=0.5, pt;q=0.4", "en"],
    ["pt;q=0, en", "en"],
    ["*", "en"],
    ["pt;q=nonsense", "en"],
  ] as const) {
    assert.equal(languageOf(header), language, String(header));
  }
});

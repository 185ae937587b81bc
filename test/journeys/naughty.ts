const LONG = "long ".repeat(2_000);

/** Texts that have broken something somewhere. */
export const NAUGHTY: readonly string[] = [
  "a\0b",
  "\u0001\u0002",
  "a\tb",
  "line\r\nX-Injected: 1",
  "\u007f\u0080\u009f",
  "\u001b[31mred",
  "",
  "   ",
  " padded ",
  "\u00a0nbsp\u00a0",
  "null",
  "undefined",
  "NaN",
  "true",
  "0",
  "-1",
  "1e400",
  "__proto__",
  "constructor",
  "toString",
  "' OR '1'='1",
  "'; DROP TABLE auth.accounts; --",
  "$1 $2 ${x}",
  "\\",
  "%00%0a",
  "%s%n",
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "{{7*7}}",
  "=cmd|' /C calc'!A0",
  "${jndi:ldap://x}",
  "../../etc/passwd",
  "🍚🇧🇷👩‍👩‍👧‍👦",
  "Z\u0351\u036b\u0343a\u0329\u032al\u0322g\u0333o",
  "مطعم \u202eevil\u202c",
  "שלום",
  "\u200b\ufeffzero",
  "Ａｒｒｏｚ",
  "ﷺ",
  "İstanbul ß ﬁ",
  "e\u0301",
  "\ud800",
  "\udc00x",
  "\u{10ffff}\uffff",
  "日本語のテキスト",
  "a".repeat(255),
  "🍚".repeat(200),
  LONG,
  ..."㌖㌫㌻㍍㍑㌘".split(""),
  randomSquares(),
];

/** 500 letters that Unicode takes apart into many, in no order that compresses. */
function randomSquares(): string {
  let state = 1;
  return Array.from({ length: 500 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(0x3300 + (state % 88));
  }).join("");
}

const REMOVED_WORDS = new Set(["de", "da"]);

const REPLACED_WORDS: Readonly<Record<string, string>> = {
  qj: "queijo",
  contra: "ct",
  mus: "mozarela",
  costelinha: "costela",
  suina: "porco",
  c: "com",
  s: "sem",
};
const REPLACED = new RegExp(`\\b(?:${Object.keys(REPLACED_WORDS).join("|")})\\b`, "g");

// Letters that Unicode does not take apart into a base letter and a mark.
const LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  ł: "l",
  þ: "th",
  ħ: "h",
  ı: "i",
  "⁄": "/",
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");

/**
 * A name as the similar-name search stores and compares it: accents as ASCII letters, commas
 * removed, lower case, the words "de" and "da" removed, kitchen abbreviations written out. All of
 * it on whole words: "Salada verde" stays "salada verde". Preparing a prepared name changes
 * nothing. Empty when nothing is left.
 */
export function prepareName(name: string): string {
  return name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(LETTER, (letter) => LETTERS[letter]!)
    .replaceAll(",", "")
    .replace(REPLACED, (word) => REPLACED_WORDS[word]!)
    .split(/\s+/u)
    .filter((word) => word !== "" && !REMOVED_WORDS.has(word))
    .join(" ");
}

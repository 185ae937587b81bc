/*
 * What the fonts of every PDF reader can show (Windows-1252): Portuguese, English and the rest of
 * Western Europe. Embedding a font for all scripts would cost megabytes for each document.
 */
const SHOWN = /^[ -~¡-¬®-ÿ€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\n]*$/u;

/** Letters and signs that Unicode does not take apart, in letters that are there. */
const ALIKE: Readonly<Record<string, string>> = {
  ł: "l",
  Ł: "L",
  đ: "d",
  Đ: "D",
  ı: "i",
  ħ: "h",
  "⁄": "/",
  "−": "-",
  "‐": "-",
  "‑": "-",
  "→": "->",
  "≤": "<=",
  "≥": ">=",
};

/** In place of what cannot be shown at all. */
export const UNKNOWN = "?";

// What is never seen: joiners, marks of direction, selectors of variants, soft hyphens.
const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00a0\u2000-\u200a\u202f\u3000]/gu;

const graphemes = new Intl.Segmenter("pt-BR", { granularity: "grapheme" });

export interface FontText {
  readonly text: string;
  /** A character of another script stands as a question mark now. */
  readonly isLossy: boolean;
}

/**
 * A text in characters that the fonts have: as it is, or without accents that they lack, or with a
 * question mark for each character that nothing stands for.
 */
export function toFontText(original: string): FontText {
  const lines = original.replaceAll(/\r\n?|[\u2028\u2029]/gu, "\n");
  const text = lines.normalize("NFC").replaceAll(CONTROLS, " ");
  if (SHOWN.test(text)) return { text, isLossy: false };
  let shown = "";
  let isLossy = false;
  for (const { segment } of graphemes.segment(text)) {
    const found = shownAs(segment);
    shown += found ?? UNKNOWN;
    isLossy ||= found === undefined;
  }
  return { text: shown, isLossy };
}

function shownAs(grapheme: string): string | undefined {
  if (SHOWN.test(grapheme)) return grapheme;
  const visible = grapheme.replaceAll(UNSEEN, "");
  if (SHOWN.test(visible)) return visible;
  const plain = visible.normalize("NFKD").replaceAll(/\p{M}/gu, "");
  const letters = Array.from(plain, (letter) => ALIKE[letter] ?? letter).join("");
  return letters !== "" && SHOWN.test(letters) ? letters : undefined;
}

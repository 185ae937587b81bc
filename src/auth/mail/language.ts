/** The languages of our mails. */
export type Language = "en" | "pt-BR";

/** What an account keeps, as one of ours. */
export function toLanguage(text: string | undefined | null): Language {
  return text === "pt-BR" ? "pt-BR" : "en";
}

/**
 * The first of ours in `Accept-Language` (RFC 9110 §12.5.4), by weight and then by place; English
 * when there is none. Any Portuguese is answered in ours.
 */
export function languageOf(acceptLanguage: string | undefined): Language {
  const wanted = (acceptLanguage ?? "")
    .slice(0, READ_CHARACTERS)
    .split(",")
    .map((part, place) => {
      const [tag = "", ...parameters] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const weight = parameters.find((text) => text.startsWith("q="))?.slice(2);
      return { tag, place, weight: weight === undefined ? 1 : Number(weight) };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight || a.place - b.place);
  for (const { tag } of wanted) {
    if (/^pt(-|$)/.test(tag)) return "pt-BR";
    if (/^en(-|$)/.test(tag)) return "en";
  }
  return "en";
}

const READ_CHARACTERS = 256;

export const DOCUMENT_LANGUAGES = ["pt-BR", "en"] as const;
export type DocumentLanguage = (typeof DOCUMENT_LANGUAGES)[number];

interface Words {
  readonly title: string;
  readonly elsewhere: string;
  readonly continued: string;
  readonly meals: string;
  readonly brands: string;
  readonly substitutes: string;
  readonly nothing: string;
  readonly lossy: string;
  pageOf(page: number, pages: number): string;
  /** Of units that are not written the same everywhere. */
  readonly units: Readonly<Record<string, string>>;
}

/** What stands on a document beside what it was given. */
export const WORDS: Readonly<Record<DocumentLanguage, Words>> = {
  "pt-BR": {
    title: "Lista de compras",
    elsewhere: "Outros",
    continued: "continuação",
    meals: "Refeições",
    brands: "Marcas e produtos",
    substitutes: "Substitutos",
    nothing: "Não há nada para comprar.",
    lossy: "Um ? está no lugar de um caractere que a fonte deste documento não tem.",
    pageOf: (page, pages) => `Página ${page} de ${pages}`,
    units: { percentual: "%" },
  },
  en: {
    title: "Shopping list",
    elsewhere: "Other",
    continued: "continued",
    meals: "Meals",
    brands: "Brands and products",
    substitutes: "Substitutes",
    nothing: "There is nothing to buy.",
    lossy: "A ? stands for a character that the font of this document lacks.",
    pageOf: (page, pages) => `Page ${page} of ${pages}`,
    units: {
      percentual: "%",
      un: "pcs",
      "colher de sopa": "tablespoon",
      "colher de chá": "teaspoon",
      xícara: "cup",
      pitada: "pinch",
      "mão cheia": "handful",
      fatia: "slice",
      pedaço: "piece",
    },
  },
};

const LARGER: Readonly<Record<string, string>> = { g: "kg", ml: "l" };

/** `1,25 kg`, `0.3 g`: as one says it in a shop, with the separators of the language. */
export function amountText(quantity: number, unit: string, language: DocumentLanguage): string {
  const larger = quantity >= 1_000 ? LARGER[unit] : undefined;
  const amount = larger === undefined ? quantity : quantity / 1_000;
  const digits =
    Math.abs(amount) < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 2 };
  const number = new Intl.NumberFormat(language, digits).format(amount);
  return `${number} ${WORDS[language].units[unit] ?? larger ?? unit}`;
}

/** A day as it is written in the language; the day of UTC, so that it does not hang on a machine. */
export function dayText(instant: string, language: DocumentLanguage): string {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" });
  return format.format(new Date(instant));
}

/** What may be known of a client from the answers. */
export type IdentifierKey =
  | "email"
  | "phone"
  | "full_name"
  | "first_name"
  | "last_name"
  | "company"
  | "gender"
  | "birthday"
  | "address_line1"
  | "address_line2"
  | "city"
  | "state"
  | "zip"
  | "country";

/** Words by which a question or its reference tells what it asks for. */
const WORDS: Readonly<Record<IdentifierKey, readonly string[]>> = {
  first_name: [
    "first name",
    "firstname",
    "given name",
    "nome",
    "primeiro nome",
    "nome próprio",
    "nome de batismo",
  ],
  last_name: ["last name", "lastname", "surname", "sobrenome", "apelido"],
  full_name: ["name", "full name", "client name", "your name", "nome completo", "nome do cliente"],
  email: [
    "email",
    "email address",
    "contact email",
    "e-mail",
    "e-mail address",
    "endereço de email",
    "endereço de e-mail",
  ],
  phone: ["phone", "phone number", "contact phone", "mobile", "whatsapp", "celular", "telefone"],
  company: [
    "company",
    "company name",
    "organization",
    "business name",
    "empresa",
    "nome da empresa",
  ],
  gender: ["gender", "gênero", "sexo"],
  birthday: [
    "birth",
    "birthday",
    "dob",
    "date of birth",
    "birth date",
    "birthdate",
    "data de nascimento",
    "nascimento",
    "nasceu",
  ],
  address_line1: ["address", "endereço"],
  address_line2: ["address line 2", "endereço linha 2", "complemento"],
  city: ["city", "town", "cidade", "município"],
  state: ["state", "region", "province", "estado", "região", "província", "uf"],
  zip: ["zip", "zip code", "postal", "post code", "postcode", "cep", "código postal"],
  country: ["country", "país"],
};

/** They look like one of those and ask for something else, or for somebody else. */
const OTHER = [
  "estado civil",
  "estado de saúde",
  "estado emocional",
  "estado nutricional",
  "state of health",
  "state of mind",
  "state your",
  "please state",
  "nome da mãe",
  "nome do pai",
  "nome do médico",
  "nome do remédio",
  "nome do medicamento",
  "nome do plano",
  "nome da rua",
  "street name",
  "user name",
  "nome de usuário",
  "mother s name",
  "father s name",
  "doctor s name",
  "emergency contact",
  "contato de emergência",
];

/** ` lower case words without accents `, with a blank between and around them. */
export function toWords(text: string): string {
  const parts = text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((part) => part !== "");
  return ` ${parts.join(" ")} `;
}

const ENTRIES = [
  ...(Object.entries(WORDS) as [IdentifierKey, readonly string[]][]),
  [undefined, OTHER] as const,
]
  .flatMap(([key, list]) => list.map((words) => ({ key, words: toWords(words) })))
  .toSorted((a, b) => b.words.length - a.words.length);

/** What is asked for: of several that fit, the longest words tell most. */
export function keyOf(texts: readonly (string | null)[]): IdentifierKey | undefined {
  const known = texts.flatMap((text) => {
    if (text === null) return [];
    // firstName, of references.
    return [toWords(text), toWords(text.replaceAll(/(\p{Ll})(\p{Lu})/gu, "$1 $2"))];
  });
  return ENTRIES.find(({ words }) => known.some((text) => text.includes(words)))?.key;
}

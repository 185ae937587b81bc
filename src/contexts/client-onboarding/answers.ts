/** A JSON object whose members nobody has looked at. */
export type Json = Readonly<Record<string, unknown>>;

/** One answer as it was given, with the question it answers. */
export interface Answer {
  readonly fieldId: string;
  readonly fieldType: string;
  readonly fieldRef: string | null;
  /** Of the definition that came along; null when it does not have the field. */
  readonly question: string | null;
  /** TypeForm's own word for the kind of value: `text`, `choice`, `choices` … */
  readonly type: string;
  readonly value: unknown;
  readonly sent: Json;
}

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const textOrNull = (value: unknown): string | null =>
  typeof value === "string" ? value : null;

/** The answers in the order they came; those without id or type of a field are left out. */
export function readAnswers(answers: readonly unknown[], definition: unknown): Answer[] {
  const titles = readTitles(definition);
  return answers.flatMap((sent) => {
    if (!isObject(sent) || !isObject(sent["field"])) return [];
    const { id, type: fieldType, ref } = sent["field"];
    if (typeof id !== "string" || typeof fieldType !== "string") return [];
    const answer: Answer = {
      fieldId: id,
      fieldType,
      fieldRef: textOrNull(ref),
      question: titles.get(id) ?? null,
      type: textOrNull(sent["type"]) ?? "",
      value: valueOf(fieldType, sent),
      sent,
    };
    return [answer];
  });
}

/** Titles by field id. Questions may stand in groups. */
function readTitles(definition: unknown): Map<string, string> {
  const titles = new Map<string, string>();
  const visit = (fields: unknown): void => {
    if (!Array.isArray(fields)) return;
    for (const field of fields as unknown[]) {
      if (!isObject(field)) continue;
      const { id, title, properties } = field;
      if (typeof id === "string" && typeof title === "string") titles.set(id, title);
      if (isObject(properties)) visit(properties["fields"]);
    }
  };
  if (isObject(definition)) visit(definition["fields"]);
  return titles;
}

/** By the type of the field; a field that takes several choices has the type of one that takes one. */
function valueOf(fieldType: string, sent: Json): unknown {
  switch (fieldType) {
    case "short_text":
    case "long_text":
      return sent["text"] ?? null;
    case "email":
    case "phone_number":
      return sent[fieldType] ?? sent["text"] ?? null;
    case "website":
      return sent["url"] ?? sent["text"] ?? null;
    case "number":
    case "boolean":
    case "date":
    case "file_url":
      return sent[fieldType] ?? null;
    case "choice":
    case "choices":
    case "multiple_choice":
      return isObject(sent["choices"]) || Array.isArray(sent["choices"])
        ? choicesOf(sent["choices"])
        : choiceOf(sent["choice"]);
    case "payment":
      return paymentOf(sent["payment"]);
    default:
      return sent;
  }
}

interface Choice {
  readonly id: unknown;
  readonly label: unknown;
  readonly ref: unknown;
  /** What was written in place of a choice. */
  readonly other?: unknown;
}

function choiceOf(choice: unknown): Choice | null {
  if (!isObject(choice)) return null;
  const { id = null, label = null, ref = null, other } = choice;
  return { id, label, ref, ...(other === undefined ? {} : { other }) };
}

/** TypeForm lists ids, labels and refs apart, in one order. */
function choicesOf(choices: Json | unknown[]): Choice[] {
  if (Array.isArray(choices)) return choices.flatMap((choice) => choiceOf(choice) ?? []);
  const [ids, labels, refs] = ["ids", "labels", "refs"].map((name) => {
    const list = choices[name];
    return Array.isArray(list) ? (list as unknown[]) : [];
  }) as [unknown[], unknown[], unknown[]];
  const count = Math.max(ids.length, labels.length, refs.length);
  const chosen = Array.from({ length: count }, (_, at) =>
    choiceOf({ id: ids[at] ?? null, label: labels[at] ?? null, ref: refs[at] ?? null }),
  ) as Choice[];
  const { other } = choices;
  return typeof other === "string"
    ? [...chosen, { id: null, label: null, ref: null, other }]
    : chosen;
}

function paymentOf(payment: unknown) {
  if (!isObject(payment)) return null;
  const { amount = null, last4 = null, name = null } = payment;
  return { amount, last4, name };
}

import { validationFailure } from "../../http/rules.ts";
import type { AddressInput, ClientFields, ContactInput } from "./client.ts";
import { isStorable, NOTHING, withClientChanges, type ClientChanges } from "./client-input.ts";
import type { IsPhone } from "./contact.ts";
import { readFormAnswers, type FormFindings } from "./client-form-answers.ts";
import type { Caller } from "./owner.ts";

/** An answered form, as far as a client can be made from it. */
export interface FormResponse {
  readonly form_id: number;
  readonly response_id: string;
  readonly response_data: unknown;
  /** What whoever stored it found by the words of the questions. */
  readonly client_identifiers: Readonly<Record<string, string>> | null;
}

/** The answers under this token; undefined when there are none or the form is somebody else's. */
export type FindFormResponse = (
  responseId: string,
  owner: Pick<Caller, "userId" | "tenantId">,
) => Promise<FormResponse | undefined>;

/**
 * A new client from a body and the answers to a form. What the body says wins; what neither says
 * stays empty, and a name or sex that nobody gave is a broken rule.
 * @throws AppError `validation_failed`
 */
export async function applyForm(
  body: ClientChanges,
  responseId: string,
  { userId, tenantId }: Caller,
  find: FindFormResponse | undefined,
  rules: { readonly isPhone: IsPhone; readonly today: string },
): Promise<ClientFields> {
  const response = await find?.(responseId, { userId, tenantId });
  if (response === undefined) {
    const message = "must name an answer to a form of yours";
    throw validationFailure([{ path: "/body/form_response_id", code: "unknown", message }]);
  }
  const found = readFormAnswers(response, rules);
  const changes: ClientChanges = {
    ...body,
    profile: { ...found.profile, ...body.profile },
    contact_info: merged<ContactInput>(found.contact, body.contact_info),
    address: merged<AddressInput>(found.address, body.address),
    notes: notesOf(body.notes, response, found.warnings),
  };
  const stored = { ...response };
  const fields = withClientChanges(NOTHING, changes, rules);
  return { ...fields, onboarding_data: isStorable(stored) ? stored : null };
}

/** Parts of the answers under those of the body. A body that says null wants none. */
function merged<T extends object>(found: T | undefined, given: T | null | undefined) {
  if (given === null) return null;
  return found === undefined && given === undefined ? null : ({ ...found, ...given } as T);
}

function notesOf(
  given: string | null | undefined,
  { form_id: formId, response_id: responseId }: FormResponse,
  warnings: FormFindings["warnings"],
): string {
  const generated = [`Created from form ${formId}; Response ID: ${responseId}`, ...warnings].join(
    "\n",
  );
  const own = given?.trim() ?? "";
  return own === "" ? generated : `${own}\n\n--- Form Response Data ---\n${generated}`;
}

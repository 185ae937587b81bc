import { readInstant, validationFailure } from "../../http/rules.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import { isObject, readAnswers, textOrNull, type Answer, type Json } from "./answers.ts";
import { findIdentifiers, type ClientIdentifiers } from "./identifiers.ts";

/** What TypeForm delivered, ready to be stored. */
export interface Delivery {
  readonly typeformId: string;
  /** TypeForm's token: the same for every copy. */
  readonly responseId: string;
  readonly submittedAt: Date;
  readonly responseData: object;
  readonly clientIdentifiers: ClientIdentifiers | null;
}

/** The only event that is stored: a partial response would take the token of the whole one. */
const EVENT = "form_response";

/**
 * Reads a delivery; undefined for an event of another kind.
 * @throws AppError `validation_failed`
 */
export function readDelivery(payload: unknown, receivedAt: Date): Delivery | undefined {
  if (!isObject(payload)) throw broken([fault("", "type", "must be an object")]);
  if (payload["event_type"] !== undefined && payload["event_type"] !== EVENT) return undefined;
  const response = payload[EVENT];
  if (!isObject(response)) throw broken([fault("", "required", "is required")]);
  const { form_id: formId, token, submitted_at: submitted, answers = [] } = response;
  const submittedAt = typeof submitted === "string" ? readInstant(submitted) : undefined;
  const faults: FieldFault[] = [];
  if (!isShortText(formId)) faults.push(fault("/form_id", "required", "must name the form"));
  if (!isShortText(token)) faults.push(fault("/token", "required", "must be the token"));
  if (submittedAt === undefined) {
    faults.push(fault("/submitted_at", "format", "must be a date and time"));
  }
  if (!Array.isArray(answers)) faults.push(fault("/answers", "type", "must be a list"));
  if (faults.length > 0) throw broken(faults);
  const read = readAnswers(answers as unknown[], response["definition"]);
  const clientIdentifiers = findIdentifiers(read);
  return {
    typeformId: formId as string,
    responseId: token as string,
    submittedAt: submittedAt!,
    clientIdentifiers,
    responseData: {
      event_id: textOrNull(payload["event_id"]),
      event_type: EVENT,
      form_id: formId,
      response_token: token,
      submitted_at: submitted,
      answers: read.map(toAnswer),
      field_responses: read.map(toFieldResponse),
      client_identifiers: clientIdentifiers,
      metadata: metadataOf(payload, response, receivedAt),
    },
  };
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= limits.tokenCharactersMax;
}

const fault = (path: string, code: string, message: string): FieldFault => ({
  path: `/body/${EVENT}${path}`,
  code,
  message,
});
const broken = (faults: readonly FieldFault[]) => validationFailure(faults);

function toAnswer({ fieldId, fieldType, fieldRef, type, value, sent }: Answer) {
  const field = { id: fieldId, type: fieldType, ref: fieldRef };
  const name = ["text", "email", "number"].find((one) => one === type && sent[one] !== undefined);
  return { field, type, ...(name === undefined ? { answer: value } : { [name]: sent[name] }) };
}

function toFieldResponse({ fieldId, fieldType, fieldRef, question, value }: Answer) {
  return {
    field_id: fieldId,
    field_type: fieldType,
    question,
    answer: value,
    field_ref: fieldRef,
  };
}

/** What is not there is left out. */
function metadataOf(payload: Json, response: Json, receivedAt: Date) {
  const calculated = response["calculated"];
  const metadata = {
    webhook_received_at: receivedAt.toISOString(),
    typeform_event_id: payload["event_id"],
    typeform_event_type: payload["event_type"],
    form_response_id: response["response_id"],
    landed_at: response["landed_at"],
    calculated_score: isObject(calculated) ? calculated["score"] : undefined,
    hidden_fields: response["hidden"],
    variables: response["variables"],
  };
  return Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== undefined && value !== null),
  );
}

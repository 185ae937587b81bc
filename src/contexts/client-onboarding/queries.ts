import { validationFailure } from "../../http/rules.ts";
import type { Static } from "typebox";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import type { Owner } from "./form.ts";
import type { queryBody } from "./schemas.ts";
import type { CountedForm, FormStore } from "./store-forms.ts";
import type { Part, ResponseRow, ResponseStore } from "./store-responses.ts";

export type ResponseQuery = Static<typeof queryBody>;

export interface QueriesOptions {
  readonly forms: Pick<FormStore, "list">;
  readonly responses: Pick<ResponseStore, "list" | "find">;
}

/** The questions about one's own forms and answers. Each is one statement. */
export function createQueries({ forms, responses }: QueriesOptions) {
  return async (query: ResponseQuery, owner: Owner, path = "/body") => {
    const part = readPart(query);
    switch (query.query_type) {
      case "forms_by_user": {
        const page = { skip: part.offset, limit: part.limit };
        const { rows, total } = await forms.list(owner, "created_at", page);
        return resultOf(query, part, total, { forms: rows.map(toForm) });
      }
      case "responses_by_form": {
        const formId = given(query.form_id, `${path}/form_id`);
        const isWithData = part.limit <= limits.queryWithDataMaxCount;
        const found = await responses.list(owner, formId, part, isWithData);
        if (found === undefined) return nothing(query);
        return resultOf(query, part, found.total, { responses: found.rows.map(toResponse) });
      }
      case "responses_by_user": {
        const { rows, total } = (await responses.list(owner, undefined, part, false))!;
        return resultOf(query, part, total, { responses: rows.map(toResponse) });
      }
      case "response_by_id": {
        const row = await responses.find(given(query.response_id, `${path}/response_id`), owner);
        if (row === undefined) return nothing(query);
        return { ...resultOf(query, part, 1, { responses: [toResponse(row)] }), pagination: null };
      }
    }
  };
}

export type AskQuery = ReturnType<typeof createQueries>;
export type QueryResult = Awaited<ReturnType<AskQuery>>;

function readPart({ limit = limits.queryPageMaxCount, offset }: ResponseQuery): Part {
  const wanted = limit === null || limit < 1 ? limits.queryPageCount : limit;
  return { offset: offset ?? 0, limit: Math.min(wanted, limits.queryPageMaxCount) };
}

function given<T>(value: T | null | undefined, path: string): T {
  if (value !== null && value !== undefined) return value;
  throw validationFailure([{ path, code: "required", message: "is required for this query" }]);
}

interface Found {
  readonly forms?: readonly ReturnType<typeof toForm>[];
  readonly responses?: readonly ReturnType<typeof toResponse>[];
}

interface Pagination {
  readonly offset: number;
  readonly limit: number;
  readonly has_more: boolean;
}

function resultOf(
  query: ResponseQuery,
  { offset, limit }: Part,
  total: number,
  { forms = null as never, responses = null as never }: Found,
) {
  const count = (forms ?? responses).length;
  return {
    success: true,
    query_type: query.query_type,
    total_count: total,
    returned_count: count,
    forms,
    responses,
    pagination: { offset, limit, has_more: offset + count < total } as Pagination | null,
  };
}

/** Not there, or not the caller's: he is not told which. */
const nothing = (query: ResponseQuery) => ({
  success: false,
  query_type: query.query_type,
  total_count: 0,
  returned_count: 0,
  forms: null,
  responses: null,
  pagination: null,
});

function toForm(row: CountedForm) {
  return {
    id: row.id,
    typeform_id: row.typeform_id,
    title: row.typeform_id,
    status: row.status,
    created_at: row.created_at,
    updated_at: row.updated_at,
    response_count: row.response_count,
  };
}

function toResponse(row: ResponseRow) {
  return {
    id: row.id,
    response_id: row.response_id,
    form_id: row.form_id,
    client_identifiers: row.client_identifiers,
    submitted_at: row.submitted_at,
    processed_at: row.processed_at,
    response_data: row.response_data ?? null,
  };
}

/** A form as the list shows it. */
export const toListedForm = (row: CountedForm) => ({
  ...toForm(row),
  webhook_url: row.webhook_url,
  version: row.version,
});

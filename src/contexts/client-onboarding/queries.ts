import { validationFailure } from "../../http/rules.ts";
import type { Static } from "typebox";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import type { Owner } from "./form.ts";
import type { OwnerMemory, ToldJson } from "./owner-memory.ts";
import type { queryBody } from "./schemas.ts";
import type { CountedForm, FormStore } from "./store-forms.ts";
import type { Part, ResponseRow, ResponseStore } from "./store-responses.ts";

export type ResponseQuery = Static<typeof queryBody>;

export interface QueriesOptions {
  readonly forms: Pick<FormStore, "list">;
  readonly responses: Pick<ResponseStore, "list" | "find">;
  readonly memory: OwnerMemory;
}

/** The questions about one's own forms and answers, for one request of an owner. */
export function createQueries({ forms, responses, memory }: QueriesOptions) {
  async function findForms(owner: Owner, query: ResponseQuery, part: Part) {
    const page = { skip: part.offset, limit: part.limit };
    const { rows, total, revision } = await forms.list(owner, "created_at", page);
    const result = resultOf(query, part, total, { forms: rows.map(toForm) });
    return { revision, value: told(result) };
  }

  async function findResponses(
    owner: Owner,
    query: ResponseQuery,
    part: Part,
    formId: number | undefined,
  ) {
    const isWithData = formId !== undefined && part.limit <= limits.queryWithDataMaxCount;
    const found = await responses.list(owner, formId, part, isWithData);
    const result = found.isOwn
      ? resultOf(query, part, found.total, { responses: found.rows.map(toResponse) })
      : nothing(query);
    return { revision: found.revision, value: told(result) };
  }

  return (owner: Owner) => {
    const recall = memory(owner);
    return async (query: ResponseQuery, path = "/body"): Promise<ToldJson> => {
      const part = readPart(query);
      const { query_type: type } = query;
      const asked = [type, part.offset, part.limit];
      switch (type) {
        case "forms_by_user":
          return recall(asked, () => findForms(owner, query, part));
        case "responses_by_form": {
          const formId = given(query.form_id, `${path}/form_id`);
          return recall([...asked, formId], () => findResponses(owner, query, part, formId));
        }
        case "responses_by_user":
          return recall(asked, () => findResponses(owner, query, part, undefined));
        case "response_by_id": {
          const row = await responses.find(given(query.response_id, `${path}/response_id`), owner);
          if (row === undefined) return told(nothing(query));
          const result = resultOf(query, part, 1, { responses: [toResponse(row)] });
          return told({ ...result, pagination: null });
        }
      }
    };
  };
}

export type AskQueries = ReturnType<typeof createQueries>;

const told = (result: ReturnType<typeof resultOf>): ToldJson => ({
  json: Buffer.from(JSON.stringify(result)),
  isFound: result.success,
});

function readPart({ limit = limits.queryPageMaxCount, offset }: ResponseQuery): Part {
  const wanted = limit === null || limit < 1 ? limits.queryPageCount : limit;
  return { offset: offset ?? 0, limit: Math.min(wanted, limits.queryPageMaxCount) };
}

function given<T>(value: T | null | undefined, path: string): T {
  if (value !== null && value !== undefined) return value;
  throw validationFailure([{ path, code: "required", message: "is required for this query" }]);
}

interface Found {
  readonly forms?: readonly ReturnType<typeof toForm>[] | null;
  readonly responses?: readonly ReturnType<typeof toResponse>[] | null;
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
  { forms = null, responses = null }: Found,
) {
  const count = (forms ?? responses ?? []).length;
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

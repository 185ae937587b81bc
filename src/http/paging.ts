import { pagingLimits as limits } from "../platform/limits.ts";
import { Type } from "./schema.ts";

/** A part of a list in a stable order. */
export interface Page {
  readonly skip: number;
  readonly limit: number;
}

/** Of a query; to be spread into its schema. */
export const pageQueryOf = (pageMaxCount: number) => ({
  skip: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.skipMaxCount })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: `More than ${pageMaxCount} is read as ${pageMaxCount}.`,
    }),
  ),
});
export const pageQuery = pageQueryOf(limits.pageMaxCount);

/** Beside `data` of a list. */
export const pagination = Type.Object({
  page: Type.Integer(),
  limit: Type.Integer(),
  total: Type.Integer(),
  pages: Type.Integer(),
});

/** The page asked for; a limit above the greatest is lowered to it. */
export function readPage(
  query: { skip?: number; limit?: number },
  pageMaxCount: number = limits.pageMaxCount,
): Page {
  return {
    skip: query.skip ?? 0,
    limit: Math.min(query.limit ?? pageMaxCount, pageMaxCount),
  };
}

export function toPagination({ skip, limit }: Page, total: number) {
  return { page: Math.floor(skip / limit) + 1, limit, total, pages: Math.ceil(total / limit) };
}

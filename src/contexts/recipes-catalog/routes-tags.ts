import { httpErrors } from "../../http/errors.ts";
import { pageQueryOf, readPage, toPagination } from "../../http/paging.ts";
import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { platformErrors } from "../../platform/errors.ts";
import { tagLimits } from "../../platform/limits.ts";
import { TAG_SORTS, type TagList, type TagRow } from "./store-tag-list.ts";
import { TAG_PARENTS, tagView } from "./tag.ts";

/** Of OpenAPI. */
export const CONTEXT = "recipes_catalog";

const several = (charactersMax: number) =>
  Type.Optional(
    Type.Array(Type.String({ maxLength: charactersMax }), { maxItems: tagLimits.filterValuesMax }),
  );

const tagQuery = closed({
  key: several(tagLimits.keyCharactersMax),
  value: several(tagLimits.valueCharactersMax),
  type: Type.Optional(Type.Array(Type.Enum([...TAG_PARENTS]), { maxItems: TAG_PARENTS.length })),
  author_id: Type.Optional(
    Type.Array(uuid, { maxItems: 1, description: "Only yourself: tags are their author's" }),
  ),
  ...pageQueryOf(tagLimits.pageItemsMax),
  sort: Type.Optional(Type.Enum([...TAG_SORTS], { default: "-key" })),
});

const tagWithId = Type.Object({ id: Type.Integer({ minimum: 1 }), ...tagView.properties });
const tagParams = closed({ tag_id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });

/** Looking at one's own tags. They are made and removed with what they are on. */
export function createTagRoutes(tags: TagList): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/tags/search",
      summary: "List your own tags",
      tag: CONTEXT,
      access: AUTHENTICATED,
      query: tagQuery,
      responses: {
        200: { description: "A page of tags", schema: listed(tagWithId) },
        403: { description: "Another author was named" },
      },
      async handler({ query, principal }) {
        if (query.author_id?.some((id) => id !== principal.userId)) {
          throw httpErrors.failure("permission_denied", {
            detail: "User does not have enough privileges to search tags",
          });
        }
        const page = readPage(query, tagLimits.pageItemsMax);
        const sort = query.sort ?? "-key";
        const found = await tags.list(principal.userId, query, sort, page);
        return json(200, {
          data: found.tags.map(toView),
          pagination: toPagination(page, found.total),
        });
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/tags/{tag_id}",
      summary: "Read one of your own tags",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: tagParams,
      responses: {
        200: { description: "The tag", schema: enveloped(tagWithId) },
        404: { description: "You have no such tag" },
      },
      async handler({ params, principal }) {
        const tag = await tags.find(params.tag_id, principal.userId);
        if (tag === undefined) throw platformErrors.failure("not_found");
        return json(200, { data: toView(tag) });
      },
    }),
  ];
}

const toView = ({ id, key, value, author_id, type }: TagRow) => ({
  id,
  key,
  value,
  author_id,
  type,
});

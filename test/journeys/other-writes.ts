import assert from "node:assert/strict";
import fc from "fast-check";
import { newId } from "../../src/platform/ids.ts";
import {
  ISSUER,
  type Answer,
  type GoodRequest,
  type RouteTable,
  type TestCaller,
} from "./route-table.ts";

/** What was sent beside what is there now; their members are compared. */
interface Compared {
  readonly sent: object;
  readonly read: unknown;
}

/** A route that writes what is not read again under the id that it answers. */
export interface OtherWrite {
  readonly label: string;
  /** Members whose values the schema alone does not tell; undefined leaves one out. */
  members(good: GoodRequest): Readonly<Record<string, fc.Arbitrary<unknown> | undefined>>;
  /** Required, but not by the schema. */
  readonly needed?: string;
  compare(body: any, request: GoodRequest, answer: Answer): Promise<Compared>;
}

const hooks = fc
  .webUrl({ validSchemes: ["http", "https"], withQueryParameters: true })
  .map((text) => new URL(text).href)
  .filter((text) => text.length <= 2_083);
const typeformIds = fc
  .stringMatching(/^[A-Za-z0-9_-]{3,14}$/)
  .map((text) => `${text}${newId().replaceAll("-", "")}`);
const uuids = fc.uuid({ version: 7 });
const orLeftOut = (values: fc.Arbitrary<unknown>) => fc.option(values, { nil: undefined });

export function createOtherWrites(table: RouteTable, caller: TestCaller): OtherWrite[] {
  async function get(path: string): Promise<any> {
    const answer = await table.ask({ method: "GET", path, token: caller.token });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.data;
  }
  return [
    rating(caller, get),
    ...roles(table, get),
    ...users(table, get),
    ...forms(get),
    ...shoppingLists(table, caller, get),
  ];
}

type Get = (path: string) => Promise<any>;
const lastOf = (path: string) => path.split("/").at(-1)!;

function rating(caller: TestCaller, get: Get): OtherWrite {
  const points = fc.integer({ min: 0, max: 5 });
  const comments = fc.constantFrom(
    null,
    "Fica bom com alho. 🍚",
    "a\nb",
    "<b>'; drop table",
    "ç".repeat(1_000),
  );
  return {
    label: "POST /v1/recipes/{recipe_id}/rate",
    members: ({ path }) => ({
      rating: fc.record(
        {
          taste: points,
          convenience: points,
          comment: comments,
          user_id: fc.constant(caller.id),
          recipe_id: fc.constant(path.split("/").at(-2)),
        },
        { requiredKeys: ["taste", "convenience"], noNullPrototype: true },
      ),
    }),
    async compare({ rating: sent }, { path }) {
      const { ratings } = await get(path.replace(/\/rate$/, ""));
      // One of each user: the last one.
      const own = ratings.filter((one: any) => one.user_id === caller.id);
      assert.equal(own.length, 1);
      return { sent: { comment: null, ...sent }, read: own[0] };
    },
  };
}

function roles({ permissions }: RouteTable, get: Get): OtherWrite[] {
  const of = (context: string) =>
    permissions
      .filter((name) => name.startsWith(`${context}:`))
      .map((name) => name.slice(context.length + 1));
  const subsets = (context: string) => fc.shuffledSubarray(of(context));
  const found = async (context: string, name: string) =>
    (await get(`/v1/roles?context=${context}&limit=200`)).find((one: any) => one.name === name);
  const sorted = ({ permissions: names, ...rest }: any) => ({
    ...rest,
    permissions: names.toSorted(),
  });
  return [
    {
      label: "POST /v1/roles",
      members: () => ({
        context: fc.constantFrom("recipes_catalog", "products_catalog", "iam", "client_onboarding"),
        name: fc.stringMatching(/^[a-z0-9_]{1,12}$/).map((text) => `${text}_${newId().slice(-12)}`),
        permissions: fc.constant([]),
      }),
      compare: async (body) => ({ sent: body, read: await found(body.context, body.name) }),
    },
    {
      label: "PATCH /v1/roles/{context}/{name}",
      members: () => ({ permissions: subsets("recipes_catalog") }),
      async compare(body, { path }) {
        return { sent: sorted(body), read: sorted(await found("recipes_catalog", lastOf(path))) };
      },
    },
  ];
}

/** Ends of a role in every way to write them; kept as instants in UTC. */
const ends = fc.option(
  fc
    .tuple(
      fc.date({ min: new Date("2100-01-01"), max: new Date("2200-01-01"), noInvalidDate: true }),
      fc.constantFrom("Z", "+00:00", "-00:00"),
    )
    .map(([end, zone]) => end.toISOString().replace("Z", zone)),
);
const toEnd = (text: string | null | undefined) =>
  text === null || text === undefined ? null : new Date(text).toISOString();

function users({ permissions }: RouteTable, get: Get): OtherWrite[] {
  const of = permissions.flatMap((name) => {
    const [context, permission] = name.split(":");
    return context === "recipes_catalog" ? [permission!] : [];
  });
  const subjects = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
    .filter((text) => !/\p{Cc}/u.test(text))
    .map((text) => `${text}${newId()}`);
  return [
    {
      label: "POST /v1/users",
      members: () => ({ user_id: subjects, issuer: orLeftOut(fc.constant(ISSUER)) }),
      async compare({ user_id: subject }, _, answer) {
        const { id } = answer.body.data;
        const sent = { id, issuer: ISSUER, subject, version: 1, discarded: false };
        return { sent, read: await get(`/v1/users/${id}`) };
      },
    },
    {
      label: "POST /v1/users/{user_id}/roles",
      members: ({ body }) => ({
        user_id: orLeftOut(uuids),
        role: fc.record(
          {
            context: fc.constant(body.role.context),
            name: fc.constant(body.role.name),
            permissions: fc.shuffledSubarray(of),
          },
          { requiredKeys: ["context", "name"], noNullPrototype: true },
        ),
        expires_at: orLeftOut(ends),
      }),
      async compare({ role: { context, name }, expires_at }, { path }) {
        const { roles } = await get(path.replace(/\/roles$/, ""));
        const sent = { context, name, permissions: [], expires_at: toEnd(expires_at) };
        return { sent, read: roles.find((one: any) => one.name === name) };
      },
    },
    {
      label: "POST /v1/roles/{context}/{name}/users",
      members: ({ body }) => ({
        user_ids: uuids.map((stranger) => [...body.user_ids, stranger]),
        expires_at: orLeftOut(ends),
      }),
      async compare({ user_ids: [id, stranger], expires_at }, { path }, answer) {
        assert.deepEqual(answer.body.data.unknown, [stranger]);
        const { roles } = await get(`/v1/users/${id}`);
        const name = path.split("/").at(-2);
        const sent = { context: "recipes_catalog", name, expires_at: toEnd(expires_at) };
        return { sent, read: roles.find((one: any) => one.name === name) };
      },
    },
  ];
}

function forms(get: Get): OtherWrite[] {
  const found = async (id: number) =>
    (await get("/v1/client-onboarding/forms?limit=100")).find((one: any) => one.id === id);
  return [
    {
      label: "POST /v1/client-onboarding/forms",
      needed: "webhook_url",
      members: () => ({
        typeform_url: fc
          .tuple(
            typeformIds,
            fc.constantFrom("", "https://typeform.com/to/", "http://a.b.typeform.com/to/"),
          )
          .map(([id, before]) => before + id),
        webhook_url: hooks,
      }),
      async compare({ typeform_url: address, webhook_url, auto_activate = true }, _, answer) {
        const { form_type, form_id } = answer.body.data.details;
        assert.equal(form_type, lastOf(address));
        const status = auto_activate === true ? "active" : "draft";
        const sent = { id: form_id, typeform_id: form_type, webhook_url, status };
        return { sent, read: await found(form_id) };
      },
    },
    {
      label: "PATCH /v1/client-onboarding/forms/{form_id}",
      members: () => ({ new_webhook_url: hooks }),
      async compare({ new_webhook_url: webhook_url }, { path }) {
        return { sent: { webhook_url }, read: await found(Number(lastOf(path))) };
      },
    },
  ];
}

function shoppingLists({ ask }: RouteTable, { token }: TestCaller, get: Get): OtherWrite[] {
  const pantry = fc.array(
    fc.record({
      product_id: uuids,
      quantity: fc.integer({ min: 0, max: 100_000 }).map((count) => count / 100),
      unit: fc.constantFrom("g", "ml", "un", "kg"),
    }),
    { maxLength: 3 },
  );
  return [
    {
      label: "POST /v1/shopping-lists",
      members: ({ body }) => ({
        client_id: fc.constant(body.client_id),
        menu_ids: fc.constant(body.menu_ids),
        exclude_product_ids: orLeftOut(fc.array(uuids, { maxLength: 3 })),
        pantry: orLeftOut(pantry),
      }),
      async compare({ order_by, weeks, ...body }, _, answer) {
        const path = `/v1/shopping-lists/${answer.body.data.id}`;
        const read = await get(path);
        // A client has room for ten.
        assert.equal((await ask({ method: "DELETE", path, token })).status, 200);
        const ordered = order_by === "store_departament_name" ? "store_department_name" : order_by;
        const sent = { ...body, order_by: ordered };
        if (weeks !== undefined) sent.weeks = [...new Set<number>(weeks)].toSorted((a, b) => a - b);
        return { sent, read };
      },
    },
    {
      label: "PATCH /v1/shopping-lists/{shopping_list_id}",
      members: ({ body }) => ({ item_id: fc.constant(body.item_id) }),
      async compare({ item_id: id, checked }, { path }) {
        const { shopping_items: items } = await get(path);
        return { sent: { id, checked }, read: items.find((one: any) => one.id === id) };
      },
    },
  ];
}

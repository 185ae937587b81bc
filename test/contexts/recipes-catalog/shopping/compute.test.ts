import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../../../src/platform/ids.ts";
import { sql } from "../../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../../support/database.ts";
import { ANA, BRUNO, insertClient, MANAGER, person, STRANGER } from "../support.ts";
import {
  insertMeal,
  insertMenu,
  insertProduct,
  serveShopping,
  type ShoppingServer,
} from "./support.ts";

let db: TestDatabase;
let server: ShoppingServer;
before(async () => {
  db = await withDatabase();
  server = await serveShopping(db.database);
});
after(async () => {
  server.close();
  await db.drop();
});

const preview = (body: object, as = ANA) =>
  server.call("POST", "/v1/shopping-lists/preview", { body, as });
const newMenu = async (owner = ANA) =>
  insertMenu(db.database, await insertClient(db.database, owner), owner);

test("a menu's list holds what its meals need, with the meals, by department", async () => {
  const { database } = db;
  const rice = await insertProduct(database, {
    name: "Arroz, integral, cru",
    shopping_name: "Arroz integral",
    store_department_name: "Mercearia",
    recommended_brands_and_products: "Marca Boa",
    substitutes: "Quinoa",
    cooking_factor: 2.5,
  });
  const banana = await insertProduct(database, {
    name: "Banana",
    store_department_name: "Hortifrúti",
    edible_yield: 0.5,
    kg_per_unit: 0.1,
  });
  const gone = await insertProduct(database, { name: "Sumiu", discarded: true });
  const menuId = await newMenu();
  const lunch = [
    { productId: rice, quantity: 500, unit: "g" },
    { productId: gone, name: "Raiz rara", quantity: 2, unit: "xícara" },
    { name: "Sal", quantity: 1, unit: "pitada" },
  ];
  await insertMeal(database, menuId, lunch, { name: "Almoço" });
  await insertMeal(database, menuId, lunch, { name: "Jantar", week: 2 });
  await insertMeal(database, menuId, [{ productId: banana, quantity: 3, unit: "un" }], {
    name: "Lanche",
    week: 3,
  });
  const { status, body, text } = await server.call("GET", `/v1/menus/${menuId}/shopping-list`);
  assert.equal(status, 200);
  const line = { recommended_brands_and_products: null, substitutes: null };
  const unknown = { product_id: null, store_department_name: null, ...line };
  assert.deepEqual(body.data, {
    menu_ids: [menuId],
    weeks: null,
    exclude_product_ids: [],
    pantry: [],
    order_by: "store_department_name",
    shopping_items: [
      {
        product_id: banana,
        shopping_name: "Banana",
        unit: "g",
        quantity: 600,
        meals_names: ["Lanche"],
        store_department_name: "Hortifrúti",
        ...line,
      },
      {
        product_id: rice,
        shopping_name: "Arroz integral",
        unit: "g",
        quantity: 400,
        meals_names: ["Almoço", "Jantar"],
        store_department_name: "Mercearia",
        recommended_brands_and_products: "Marca Boa",
        substitutes: "Quinoa",
      },
      {
        ...unknown,
        shopping_name: "Raiz rara",
        unit: "ml",
        quantity: 960,
        meals_names: ["Almoço", "Jantar"],
      },
      {
        ...unknown,
        shopping_name: "Sal",
        unit: "g",
        quantity: 0.6,
        meals_names: ["Almoço", "Jantar"],
      },
    ],
  });
  const again = await server.call("GET", `/v1/menus/${menuId}/shopping-list`);
  assert.equal(again.text, text);

  const weeks = await server.call("GET", `/v1/menus/${menuId}/shopping-list?weeks=3,1`);
  assert.deepEqual(weeks.body.data.weeks, [1, 3]);
  assert.deepEqual(
    weeks.body.data.shopping_items.map((item: any) => [item.shopping_name, item.quantity]),
    [
      ["Banana", 600],
      ["Arroz integral", 200],
      ["Raiz rara", 480],
      ["Sal", 0.3],
    ],
  );
});

test("a preview takes several menus, leaves products out and takes the pantry off", async () => {
  const { database } = db;
  const [milk, salt] = [
    await insertProduct(database, { name: "Leite", liters_per_kg: 0.5 }),
    await insertProduct(database, { name: "Sal" }),
  ];
  const menus = [await newMenu(), await newMenu()];
  for (const menuId of menus) {
    await insertMeal(database, menuId, [
      { productId: milk, quantity: 1, unit: "l" },
      { productId: salt, quantity: 5, unit: "g" },
    ]);
  }
  const { status, body } = await preview({
    menu_ids: [...menus, menus[0]!.toUpperCase().replaceAll("-", "")],
    exclude_product_ids: [salt, salt],
    pantry: [{ product_id: milk, quantity: 0.5, unit: "kg" }],
    order_by: "store_departament_name",
  });
  assert.equal(status, 200);
  assert.deepEqual(body.data.menu_ids, menus);
  assert.equal(body.data.order_by, "store_department_name");
  assert.deepEqual(
    body.data.shopping_items.map((item: any) => [item.shopping_name, item.quantity, item.unit]),
    [["Leite", 1750, "ml"]],
  );
});

test("the list of menus and weeks together is the sum of each alone", async () => {
  const { database } = db;
  const products = await Promise.all([
    insertProduct(database, { name: "Arroz", cooking_factor: 2.5 }),
    insertProduct(database, { name: "Leite", liters_per_kg: 0.97, edible_yield: 0.9 }),
  ]);
  const menus = [await newMenu(), await newMenu(), await newMenu()];
  const units = ["g", "kg", "ml", "xícara", "colher de sopa", "un", "fatia"];
  for (const [at, menuId] of menus.entries()) {
    for (const week of [1, 2, 3]) {
      const ingredients = units.map((unit, place) => ({
        name: `Coisa ${place % 3}`,
        productId: [...products, null, newId()][(at + week + place) % 4]!,
        quantity: 1 + at + week / 7 + place,
        unit,
      }));
      await insertMeal(database, menuId, ingredients, { week, name: `Refeição ${at}${week}` });
    }
  }
  const listOf = async (menu_ids: readonly string[], weeks: readonly number[]) => {
    const { status, body } = await preview({ menu_ids, weeks });
    assert.equal(status, 200);
    return body.data.shopping_items as any[];
  };
  // Milk is bought by weight: each menu asks for some of it in grams.
  const sums = (items: readonly any[]) => {
    const amounts = new Map<string, { quantity: number; meals: Set<string> }>();
    for (const {
      product_id: id,
      shopping_name: name,
      unit,
      quantity,
      meals_names: meals,
    } of items) {
      const isMilk = id === products[1] && unit === "ml";
      const key = `${id} ${name} ${isMilk ? "g" : unit}`;
      const before = amounts.get(key) ?? { quantity: 0, meals: new Set() };
      for (const meal of meals) before.meals.add(meal);
      before.quantity += isMilk ? quantity / 0.97 : quantity;
      amounts.set(key, before);
    }
    return [...amounts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  };
  const whole = sums(await listOf(menus, [1, 3]));
  const parts: any[] = [];
  for (const menuId of menus) {
    for (const week of [1, 3]) parts.push(...(await listOf([menuId], [week])));
  }
  const summed = sums(parts);
  assert.deepEqual(
    whole.map(([key, { meals }]) => [key, [...meals].toSorted()]),
    summed.map(([key, { meals }]) => [key, [...meals].toSorted()]),
  );
  for (const [at, [key, { quantity }]] of whole.entries()) {
    const other = summed[at]![1].quantity;
    assert.ok(Math.abs(quantity - other) < 0.01, `${key}: ${quantity}, ${other}`);
  }
});

test("meals, recipes and menus that were discarded are not shopped for", async () => {
  const { database } = db;
  const menuId = await newMenu();
  const [kept, meal, recipe] = ["Arroz", "Feijão", "Bife"];
  await insertMeal(database, menuId, [{ name: kept, quantity: 1, unit: "g" }]);
  const one = await insertMeal(database, menuId, [{ name: meal, quantity: 1, unit: "g" }]);
  const two = await insertMeal(database, menuId, [{ name: recipe, quantity: 1, unit: "g" }]);
  await database.query(
    sql`update recipes_catalog.meals set discarded = true where id = ${one.mealId}`,
  );
  await database.query(
    sql`update recipes_catalog.recipes set discarded = true where id = ${two.recipeId}`,
  );
  const path = `/v1/menus/${menuId}/shopping-list`;
  const { body } = await server.call("GET", path);
  assert.deepEqual(
    body.data.shopping_items.map((item: any) => item.shopping_name),
    [kept],
  );
  await database.query(sql`update recipes_catalog.menus set discarded = true where id = ${menuId}`);
  assert.equal((await server.call("GET", path)).status, 404);
});

test("one row with a unit that nobody knows spoils no list", async () => {
  const menuId = await newMenu();
  const productId = await insertProduct(db.database, { name: "Arroz" });
  await insertMeal(db.database, menuId, [
    { productId, name: "Arroz", quantity: 2, unit: "punhado" },
    { productId, name: "Arroz", quantity: 3, unit: "g" },
  ]);
  const { body } = await server.call("GET", `/v1/menus/${menuId}/shopping-list`);
  assert.deepEqual(
    body.data.shopping_items.map((item: any) => [item.product_id, item.quantity, item.unit]),
    [
      [productId, 3, "g"],
      [null, 2, "punhado"],
    ],
  );
});

test("menus of others are not there, one among one's own included; managers see their tenant's", async () => {
  const [own, other] = [await newMenu(ANA), await newMenu(BRUNO)];
  const ofClients = person(ANA.tenantId, ["manage_clients"]);
  const ofRecipes = person(ANA.tenantId, ["manage_recipes", "manage_meals"]);
  const statusOf = async (as: typeof ANA, ...menu_ids: string[]) =>
    (await preview({ menu_ids }, as)).status;
  assert.equal(await statusOf(ANA, own), 200);
  assert.equal(await statusOf(ANA, own, other), 404);
  assert.equal(await statusOf(ANA, own, newId()), 404);
  assert.equal(await statusOf(BRUNO, own), 404);
  assert.equal(await statusOf(ofRecipes, own), 404);
  assert.equal(await statusOf(MANAGER, own, other), 200);
  assert.equal(await statusOf(ofClients, own, other), 200);
  assert.equal(await statusOf(STRANGER, own), 404);
  for (const as of [BRUNO, ofRecipes, STRANGER]) {
    const { status } = await server.call("GET", `/v1/menus/${own}/shopping-list`, { as });
    assert.equal(status, 404);
  }
});

test("the number of statements does not grow with the menus", async () => {
  const { database } = db;
  const menuIds: string[] = [];
  const clientId = await insertClient(database);
  for (let count = 0; count < 5; count++) {
    const menuId = await insertMenu(database, clientId);
    menuIds.push(menuId);
    for (let meal = 0; meal < 4; meal++) {
      const productId = await insertProduct(database);
      await insertMeal(database, menuId, [{ productId, quantity: 1, unit: "g" }]);
    }
  }
  const seen: string[] = [];
  const settings: unknown[] = [];
  const counted = {
    ...database,
    withTransaction: ((body, options) => {
      settings.push(options);
      return database.withTransaction(
        (tx) =>
          body({
            ...tx,
            query: (statement) => {
              seen.push(statement.text);
              return tx.query(statement);
            },
          }),
        options,
      );
    }) as typeof database.withTransaction,
  };
  const other = await serveShopping(counted);
  const body = { menu_ids: menuIds };
  const answer = await other.call("POST", "/v1/shopping-lists/preview", { body });
  other.close();
  assert.equal(answer.body.data.shopping_items.length, 20);
  // Menus, ingredients, products; the revision and the marks of the products.
  assert.equal(seen.length, 5, seen.join("\n"));
  assert.deepEqual(settings, [{ isolation: "repeatable read", readOnly: true }]);
});

test("a list that was computed before is what another process made of its menu and products", async () => {
  const { database } = db;
  const menuId = await newMenu();
  const productId = await insertProduct(database, { name: "Damasco" });
  const ingredients = [{ productId, quantity: 100, unit: "g" }];
  const { recipeId } = await insertMeal(database, menuId, ingredients);
  const path = `/v1/menus/${menuId}/shopping-list`;
  const lines = async () => {
    const { body } = await server.call("GET", path);
    const again = await server.call("GET", path);
    assert.deepEqual(again.body, body);
    return body.data.shopping_items.map((line: Record<string, unknown>) => [
      line["shopping_name"],
      line["quantity"],
    ]);
  };
  assert.deepEqual(await lines(), [["Damasco", 100]]);
  await database.query(sql`
    update products_catalog.products set edible_yield = 0.5 where id = ${productId}`);
  assert.deepEqual(await lines(), [["Damasco", 200]]);
  await database.withTransaction(async (tx) => {
    await tx.query(sql`
      update recipes_catalog.ingredients set quantity = 30 where recipe_id = ${recipeId}`);
    await tx.query(sql`
      update recipes_catalog.recipes set version = version + 1 where id = ${recipeId}`);
  });
  assert.deepEqual(await lines(), [["Damasco", 60]]);
  assert.equal((await server.call("GET", path, { as: BRUNO })).status, 404, "though it is known");
  const weeks = await server.call("GET", `${path}?weeks=9`);
  assert.deepEqual(weeks.body.data.shopping_items, [], "another question is another list");
});

test("a wish that breaks a rule is refused with its place", async () => {
  const menuId = await newMenu();
  const good = { menu_ids: [menuId] };
  const bad: [object, string][] = [
    [{}, "/body/menu_ids"],
    [{ menu_ids: [] }, "/body/menu_ids"],
    [{ menu_ids: ["x"] }, "/body/menu_ids/0"],
    [{ menu_ids: Array.from({ length: 21 }, () => newId()) }, "/body/menu_ids"],
    [{ ...good, weeks: [0] }, "/body/weeks/0"],
    [{ ...good, weeks: [11] }, "/body/weeks/0"],
    [{ ...good, weeks: [] }, "/body/weeks"],
    [{ ...good, order_by: "price" }, "/body/order_by"],
    [{ ...good, author_id: newId() }, "/body/author_id"],
    [
      { ...good, pantry: [{ product_id: newId(), quantity: -1, unit: "g" }] },
      "/body/pantry/0/quantity",
    ],
    [
      { ...good, pantry: [{ product_id: newId(), quantity: 1, unit: "cup" }] },
      "/body/pantry/0/unit",
    ],
  ];
  for (const [body, path] of bad) {
    const answer = await preview(body);
    assert.equal(answer.status, 422, JSON.stringify(body));
    assert.ok(
      answer.body.errors.some((fault: any) => fault.path === path),
      answer.text,
    );
  }
  for (const query of ["weeks=0", "weeks=1,11", "weeks=", "weeks=1;2", "weeks=a", "order_by=x"]) {
    const answer = await server.call("GET", `/v1/menus/${menuId}/shopping-list?${query}`);
    assert.equal(answer.status, 422, query);
  }
});

test("more ingredients than a list may be computed of are refused, not cut off", async () => {
  const { database } = db;
  const menuId = await newMenu();
  await database.query(sql`
    with meals as (
      insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name)
      select gen_random_uuid(), ${ANA.tenantId}, ${ANA.userId}, ${menuId}, 'M', 'm'
        from generate_series(1, 10) returning id
    ), places as (
      insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
      select ${menuId}, id, 1, 'Terça', id::text from meals
    ), recipes as (
      insert into recipes_catalog.recipes
        (id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
      select gen_random_uuid(), ${ANA.tenantId}, ${ANA.userId}, id, 'R', 'r', 'i'
        from meals, generate_series(1, 20) returning id
    )
    insert into recipes_catalog.ingredients (recipe_id, position, name, quantity, unit)
    select id, place, 'Sal ' || place, 1, 'g' from recipes, generate_series(0, 99) place`);
  const path = `/v1/menus/${menuId}/shopping-list`;
  const full = await server.call("GET", path);
  assert.equal(full.status, 200);
  assert.equal(full.body.data.shopping_items.length, 100);
  assert.equal(full.body.data.shopping_items[0].quantity, 200);
  await insertMeal(database, menuId, [{ quantity: 1, unit: "g" }]);
  const answer = await server.call("GET", path);
  assert.deepEqual([answer.status, answer.body.error_code], [422, "shopping_list_too_large"]);
});

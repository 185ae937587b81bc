import { systemClock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { NOBODY, SOURCE_IDS, type Kind } from "./classification.ts";
import { emptyColumns, type NewProduct } from "./columns.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import { toStoredNutriFacts } from "./nutri-facts.ts";
import { createClassificationStore } from "./store-classifications.ts";
import { insertMissing, tidyProducts } from "./store-write.ts";

const FOODS: Readonly<Record<string, string>> = {
  "Cereais e derivados":
    "Arroz|Aveia|Macarrão|Pão francês|Pão de forma|Biscoito|Bolo|Farinha de trigo|Fubá|Granola|Cuscuz|Tapioca|Quinoa|Cevada|Centeio|Milho verde|Polenta|Torrada|Panqueca|Lasanha",
  "Verduras e hortaliças":
    "Abóbora|Abobrinha|Acelga|Agrião|Alface|Alho|Batata doce|Batata inglesa|Berinjela|Beterraba|Brócolis|Cebola|Cenoura|Chuchu|Couve|Couve-flor|Espinafre|Mandioca|Pepino|Pimentão|Quiabo|Repolho|Rúcula|Tomate|Vagem",
  Frutas:
    "Abacate|Abacaxi|Açaí|Acerola|Ameixa|Banana|Caju|Caqui|Coco|Figo|Goiaba|Graviola|Jabuticaba|Laranja|Limão|Maçã|Mamão|Manga|Maracujá|Melancia|Melão|Morango|Pera|Pêssego|Tangerina|Uva",
  Carnes:
    "Alcatra|Almôndega|Carne moída|Contra filé|Costelinha suína|Coxa de frango|Filé mignon|Frango|Hambúrguer|Linguiça|Lombo|Paleta|Patinho|Pernil|Peito de peru|Presunto|Salsicha|Toucinho",
  Pescados:
    "Atum|Bacalhau|Camarão|Corvina|Lula|Merluza|Pescada|Polvo|Salmão|Sardinha|Tilápia|Truta",
  "Leite e derivados":
    "Creme de leite|Doce de leite|Iogurte|Leite|Leite condensado|Manteiga|Queijo minas|Queijo prato|Requeijão|Ricota|Mussarela|Parmesão",
  Leguminosas: "Amendoim|Ervilha|Feijão carioca|Feijão preto|Grão de bico|Lentilha|Soja|Tremoço",
  Outros: "Café|Chocolate|Gelatina|Mel|Molho de tomate|Sorvete|Suco|Chá|Azeite|Castanha",
};
const KINDS_OF_FOOD =
  "integral|orgânico|light|zero açúcar|tradicional|congelado|em pó|em conserva|sem sal|com sal|sem glúten|temperado|cru|cozido|assado|frito|grelhado|desidratado|fatiado|ralado|em cubos|picado|defumado|caseiro".split(
    "|",
  );
const ANIMAL_CATEGORIES = ["Carnes", "Pescados", "Leite e derivados"];
const [OF_ANIMALS, OF_PLANTS] = ["De origem animal", "De origem vegetal"] as const;
const FRESH_KINDS = ["cru", "orgânico", "ralado", "em cubos", "picado", "fatiado"];
const [FRESH, PROCESSED] = ["In natura", "Processado"] as const;
const MAKERS =
  "Serra Azul|Boa Terra|Vale Verde|São Bento|Dona Nena|Quinta Velha|Horizonte|Ponte Nova|Campo Belo|Santa Rita|Monte Alto|Rio Claro|Estrela|Primavera|Bom Gosto|Sabor da Roça|Casa Branca|Nova Era|Três Irmãos|Fazendinha|Beira Mar|Ouro Fino|Pedra Grande|Lagoa Santa|Sol Nascente|Mirante|Aurora Alta|Vila Rica|Colina|Sertanejo".split(
    "|",
  );
const SIZES = "100 g|200 g|250 g|500 g|1 kg|2 kg".split("|");

const foods = Object.entries(FOODS).flatMap(([category, list]) =>
  list.split("|").map((food) => ({ food, category })),
);

/**
 * Fills the catalogue with `count` made-up products of distinct, plausible names, one in ten with
 * a barcode. Seeding again adds only what is missing.
 * @returns how many were added
 */
export async function seedProducts(
  database: Database,
  count: number,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<number> {
  const names = {
    brands: await ensureNames(database, "brands", MAKERS),
    categories: await ensureNames(database, "categories", Object.keys(FOODS)),
    groups: await ensureNames(database, "food-groups", Object.keys(FOODS)),
    origins: await ensureNames(database, "parent-categories", [OF_ANIMALS, OF_PLANTS]),
    processes: await ensureNames(database, "process-types", [FRESH, PROCESSED]),
  };
  let added = 0;
  for (let start = 0; start < count; start += productLimits.importBatchRows) {
    const end = Math.min(count, start + productLimits.importBatchRows);
    const createdAt = new Date(systemClock.nowMs()).toISOString();
    const rows = Array.from({ length: end - start }, (_, offset) => ({
      ...seededProduct(start + offset, names),
      id: newId(),
      createdAt,
    }));
    added += await insertMissing(database, rows);
    onProgress(end, count);
  }
  await tidyProducts(database, added);
  return added;
}

async function ensureNames(database: Database, kind: Kind, names: readonly string[]) {
  const store = createClassificationStore(database);
  const ids = new Map<string, string>();
  for (const name of names) {
    const made = { id: newId(), name, description: null, authorId: NOBODY };
    ids.set(name, await store.ensure(kind, made, new Date(systemClock.nowMs())));
  }
  return ids;
}

type Names = Readonly<
  Record<"brands" | "categories" | "groups" | "origins" | "processes", ReadonlyMap<string, string>>
>;

function seededProduct(index: number, names: Names): NewProduct {
  // Mixed radix: each index is another combination, and neighbours differ in their food.
  let rest = index;
  const next = (size: number) => {
    const digit = rest % size;
    rest = Math.floor(rest / size);
    return digit;
  };
  const { food, category } = foods[next(foods.length)]!;
  const kind = KINDS_OF_FOOD[next(KINDS_OF_FOOD.length)]!;
  const maker = MAKERS[next(MAKERS.length)]!;
  const size = SIZES[next(SIZES.length)]!;
  const name = `${food} ${kind} ${maker} ${size}${rest === 0 ? "" : ` nº ${rest + 1}`}`;
  const isBarcoded = index % 10 === 9;
  const columns = {
    ...emptyColumns(),
    source_id: isBarcoded ? SOURCE_IDS.gs1 : SOURCE_IDS.manual,
    name,
    prepared_name: prepareName(name),
    is_food: true,
    barcode: isBarcoded ? String(7_890_000_000_000 + index) : null,
    brand_id: names.brands.get(maker)!,
    category_id: names.categories.get(category)!,
    parent_category_id: names.origins.get(
      ANIMAL_CATEGORIES.includes(category) ? OF_ANIMALS : OF_PLANTS,
    )!,
    food_group_id: names.groups.get(category)!,
    process_type_id: names.processes.get(FRESH_KINDS.includes(kind) ? FRESH : PROCESSED)!,
    package_size: Number.parseInt(size, 10),
    package_size_unit: size.endsWith("kg") ? "kg" : "g",
    import_key: `seed:${index}`,
  };
  return { columns, nutriFacts: toStoredNutriFacts(seededFacts(index)) };
}

function seededFacts(index: number) {
  // Any fixed spread will do; a linear congruence keeps it the same in each run.
  let state = (index * 2_654_435_761) % 4_294_967_296;
  const upTo = (max: number) => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return Math.round((state / 4_294_967_296) * max * 10) / 10;
  };
  const protein = upTo(30);
  const carbohydrate = upTo(70);
  const totalFat = upTo(30);
  return {
    calories: Math.round(4 * protein + 4 * carbohydrate + 9 * totalFat),
    protein,
    carbohydrate,
    total_fat: totalFat,
    saturated_fat: Math.round(totalFat * 3) / 10,
    dietary_fiber: upTo(12),
    sugar: upTo(20),
    sodium: upTo(600),
    calcium: upTo(300),
    iron: upTo(6),
    magnesium: upTo(120),
    phosphorus: upTo(350),
    potassium: upTo(700),
    zinc: upTo(5),
    copper: upTo(1),
    manganese: upTo(2),
    cholesterol: upTo(90),
    vitamin_c: upTo(60),
    thiamine: upTo(1),
    riboflavin: upTo(1),
    pyridoxine: upTo(1),
    niacin: upTo(8),
  };
}

/** What people look for. */
export const FOOD_NAMES = [
  "arroz integral",
  "feijao preto cozido",
  "peito de frango",
  "leite desnatado",
  "queijo branco",
  "banana prata",
  "pao frances",
  "tomate",
  "azeite de oliva",
  "carne moida refogada",
  "iogurte natural",
  "suco de laranja",
];

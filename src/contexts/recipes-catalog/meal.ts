/** What the author of a meal decides beside its recipes, tags and place. */
export interface Meal {
  readonly name: string;
  readonly description: string | null;
  readonly notes: string | null;
  readonly like: boolean | null;
  readonly image_url: string | null;
}

export const WEEKDAYS = [
  "Segunda",
  "Terça",
  "Quarta",
  "Quinta",
  "Sexta",
  "Sábado",
  "Domingo",
] as const;

/** Where a meal stands in the grid of its menu. */
export interface Place {
  readonly week: number;
  readonly weekday: (typeof WEEKDAYS)[number];
  readonly meal_type: string;
  /** `HH:MM` or `HH:MM:SS` */
  readonly hour: string | null;
}

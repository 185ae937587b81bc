import type { MeasureUnit } from "./nutrients.ts";

type UnitKind = "mass" | "volume" | "energy" | "count" | "share" | "international";

/** What a unit measures, and how much of the kind's own unit (g, ml, kcal, un …) one of it is. */
interface UnitSize {
  readonly kind: UnitKind;
  readonly size: number;
}

/**
 * Household measures have a fixed size: spoons and cups are volumes, the rest are masses
 * (documented in `docs/shopping-lists.md`).
 */
const UNITS: Readonly<Record<MeasureUnit, UnitSize>> = Object.freeze({
  un: { kind: "count", size: 1 },
  kg: { kind: "mass", size: 1_000 },
  g: { kind: "mass", size: 1 },
  mg: { kind: "mass", size: 1e-3 },
  mcg: { kind: "mass", size: 1e-6 },
  l: { kind: "volume", size: 1_000 },
  ml: { kind: "volume", size: 1 },
  percentual: { kind: "share", size: 1 },
  kcal: { kind: "energy", size: 1 },
  IU: { kind: "international", size: 1 },
  "colher de sopa": { kind: "volume", size: 15 },
  "colher de chá": { kind: "volume", size: 5 },
  xícara: { kind: "volume", size: 240 },
  pitada: { kind: "mass", size: 0.3 },
  "mão cheia": { kind: "mass", size: 30 },
  fatia: { kind: "mass", size: 25 },
  pedaço: { kind: "mass", size: 50 },
});

export function unitKind(unit: MeasureUnit): UnitKind {
  return UNITS[unit].kind;
}

/** The same amount in another unit of the kind; undefined between kinds. */
export function convert(value: number, from: MeasureUnit, to: MeasureUnit): number | undefined {
  if (from === to) return value;
  const [one, other] = [UNITS[from], UNITS[to]];
  return one.kind === other.kind ? value * (one.size / other.size) : undefined;
}

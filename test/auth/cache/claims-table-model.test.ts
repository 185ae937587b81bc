import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createClaimsTable, type ClaimsTable } from "../../../src/auth/cache/claims-table.ts";
import type { Generations } from "../../../src/auth/cache/generations.ts";
import { createTableUpkeep, type TableUpkeep } from "../../../src/auth/cache/table-upkeep.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { digestOf, entryOf, tinyMemory } from "./fixtures.ts";
import { NOW_SECONDS, dieWriting } from "./guards.ts";

/* Two buckets of four slots and seven keys, so that nearly every fill collides. */
const KEYS = 7;

/** A slot as the model sees it: what was put, and what it depended on then. */
interface ModelSlot {
  key: number;
  payload: string;
  session: number;
  global: number;
  endTicks: number;
  storedTicks: number;
}

interface Model {
  /** undefined: empty; a number: taken by the thread with this spawn number. */
  slots: (ModelSlot | number | undefined)[];
  sessions: number[];
  global: number;
  ticks: number;
  spawns: number;
}

interface Real {
  tables: ClaimsTable[];
  open(owner: number): ClaimsTable;
  generations: Generations;
  upkeep: TableUpkeep;
  advance(ticks: number): void;
}

type Command = fc.Command<Model, Real>;

const bucketOf = (key: number): number => key % 2;
const digest = (key: number): Uint8Array => digestOf(key, bucketOf(key));

function slotsOf(key: number): number[] {
  return [0, 1, 2, 3].map((slot) => bucketOf(key) * 4 + slot);
}

/** Own key, empty, past, oldest; the first of equals. */
function choose(model: Model, key: number): number | undefined {
  let chosen: number | undefined;
  let lowest = Infinity;
  for (const index of slotsOf(key)) {
    const slot = model.slots[index];
    if (typeof slot === "number") continue;
    let rank = -2;
    if (slot !== undefined) {
      if (slot.key === key) rank = -3;
      else rank = slot.endTicks <= model.ticks ? -1 : slot.storedTicks;
    }
    if (rank < lowest) [chosen, lowest] = [index, rank];
  }
  return chosen;
}

class Put implements Command {
  readonly #thread: number;
  readonly #key: number;
  readonly #lifeTicks: number;
  /** How many invalidations of the session come between the capture and the fill. */
  readonly #bumps: number;

  constructor(thread: number, key: number, lifeTicks: number, bumps: number) {
    this.#thread = thread;
    this.#key = key;
    this.#lifeTicks = lifeTicks;
    this.#bumps = bumps;
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const key = this.#key;
    const payload = `${key}:${model.ticks}:${model.sessions[key]}`;
    const endTicks = model.ticks + this.#lifeTicks;
    const entry = { ...entryOf(real.generations, key, payload), deadlineTicks: endTicks };
    const session = model.sessions[key]!;
    for (let bump = 0; bump < this.#bumps; bump++) invalidate(model, real, key);
    const outcome = real.tables[this.#thread]!.put(digest(key), entry, NOW_SECONDS, model.ticks);
    const index = choose(model, key);
    if (index === undefined) return assert.equal(outcome, "contended");
    const before = model.slots[index] as ModelSlot | undefined;
    const isLoss = before !== undefined && before.key !== key && before.endTicks > model.ticks;
    assert.equal(outcome, isLoss ? "replaced" : "stored");
    const { global, ticks: storedTicks } = model;
    model.slots[index] = { key, payload, session, global, endTicks, storedTicks };
  }

  toString = () => `put(${this.#thread}, ${this.#key}, ${this.#lifeTicks}, ${this.#bumps})`;
}

class Get implements Command {
  readonly #thread: number;
  readonly #key: number;

  constructor(thread: number, key: number) {
    this.#thread = thread;
    this.#key = key;
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const key = this.#key;
    const found = real.tables[this.#thread]!.get(digest(key), NOW_SECONDS, model.ticks);
    const isWanted = (slot: Model["slots"][number]): slot is ModelSlot =>
      typeof slot === "object" && slot.key === key && slot.endTicks > model.ticks;
    const alive = slotsOf(key)
      .map((index) => model.slots[index])
      .filter(isWanted)
      .filter((slot) => slot.global === model.global);
    const isCurrent = (slot: ModelSlot): boolean => slot.session === model.sessions[key];
    const expected = alive.find(isCurrent) ?? alive[0];
    assert.equal(found?.payload, expected?.payload);
    assert.equal(found?.isCurrent, expected === undefined ? undefined : isCurrent(expected));
  }

  toString = () => `get(${this.#thread}, ${this.#key})`;
}

class Die implements Command {
  readonly #key: number;

  constructor(key: number) {
    this.#key = key;
  }

  check = (model: Readonly<Model>) => choose(model, this.#key) !== undefined;

  run(model: Model, real: Real): void {
    const spawn = model.spawns++;
    const key = this.#key;
    const entry = entryOf(real.generations, key, "never seen");
    dieWriting(() => real.open(spawn).put(digest(key), entry, NOW_SECONDS, model.ticks));
    model.slots[choose(model, key)!] = spawn;
  }

  toString = () => `die(${this.#key})`;
}

/** A command without arguments. */
function step(name: string, run: (model: Model, real: Real) => void): Command {
  return { check: () => true, run, toString: () => name };
}

function invalidate(model: Model, real: Real, key: number): void {
  real.generations.bump({ kind: "session", id: `session-${key}` });
  model.sessions[key]!++;
}

const free = step("free", (model, real) => {
  for (const [index, slot] of model.slots.entries()) {
    if (typeof slot !== "number") continue;
    assert.equal(real.upkeep.freeOwnedBy(slot), 1);
    model.slots[index] = undefined;
  }
});

const sweep = step("sweep", (model, real) => {
  let emptied = 0;
  for (const [index, slot] of model.slots.entries()) {
    if (typeof slot !== "object" || slot.endTicks > model.ticks) continue;
    model.slots[index] = undefined;
    emptied++;
  }
  assert.equal(real.upkeep.sweep(), emptied);
});

const clear = step("bump(global)", (model, real) => {
  real.generations.bump({ kind: "global" });
  model.global++;
});

const count = step("count", (model, real) => {
  const live = model.slots.filter(
    (slot) => typeof slot === "object" && slot.endTicks > model.ticks,
  );
  assert.deepEqual(real.upkeep.stats(), { slotCount: 8, live: live.length });
});

const thread = fc.nat(1);
const key = fc.nat(KEYS - 1);
const COMMANDS: fc.Arbitrary<Command>[] = [
  fc.tuple(thread, key, fc.integer({ min: 1, max: 200 }), fc.nat(1)).map((put) => new Put(...put)),
  fc.tuple(thread, key).map((get) => new Get(...get)),
  fc.tuple(thread, key).map((get) => new Get(...get)),
  key.map((of) => step(`bump(${of})`, (model, real) => invalidate(model, real, of))),
  fc.integer({ min: 1, max: 40 }).map((ticks) =>
    step(`wait(${ticks})`, (model, real) => {
      real.advance(ticks);
      model.ticks += ticks;
    }),
  ),
  key.map((of) => new Die(of)),
  fc.constantFrom(free, sweep, clear, count),
];

test("the table does what a model of it does, whatever is asked of it", () => {
  const seed = testSeed();
  const numRuns = testSize(300, 20_000);
  fc.assert(
    fc.property(fc.commands(COMMANDS, { maxCommands: 120, size: "max" }), (commands) => {
      fc.modelRun(() => {
        const { shared, generations, clock } = tinyMemory({ slots: 8, slotBytes: 160 });
        const open = (owner: number) => createClaimsTable({ shared, generations, owner });
        const model: Model = {
          slots: Array.from({ length: 8 }, () => undefined),
          sessions: Array.from({ length: KEYS }, () => 0),
          global: 0,
          ticks: 0,
          spawns: 100,
        };
        const real: Real = {
          tables: [open(1), open(2)],
          open,
          generations,
          upkeep: createTableUpkeep({ shared, clock }),
          advance: (ticks) => clock.advanceMs((ticks * 1000) / 32),
        };
        return { model, real };
      }, commands);
    }),
    { seed, numRuns },
  );
});

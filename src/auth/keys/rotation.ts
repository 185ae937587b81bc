import type { Config } from "../../platform/config.ts";
import { keyLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Place } from "../audit/place.ts";
import { recordEvent, type AuditEvent } from "../audit/store.ts";
import type { Invalidate, InvalidationReceipt } from "../index.ts";
import type { Algorithm, AsymmetricAlgorithm } from "../token/algorithms.ts";
import { createKeyMaker, missingStates, type KeyMaker } from "./new-keys.ts";
import { readSealingKeys } from "./sealing-keys.ts";
import type { KeySettings } from "./store.ts";
import {
  activateNext,
  askForRotation,
  endKeys,
  KEY_USES,
  lockKeys,
  markLoaded,
  selectDuties,
  withdrawKeys,
  type KeyDuty,
  type KeyUse,
} from "./store-rows.ts";

/*
 * next ──every live process has it, and nobody can hold a key set without it──▶ active
 * active ──followed by the next──▶ retiring ──longest life of what it signed──▶ gone
 * next, active, retiring ──withdrawn──▶ gone
 *
 * All steps are taken under one lock, each turn in one transaction: whenever a process dies, there
 * is one active and one next key of each use.
 */

export type RotationSettings = KeySettings & Pick<Config, "keyRotationDays" | "publicUrl">;

/** Who did it and from where, for the audit log: an account id or `cli`; nobody is a schedule. */
export type RotationCaller = Partial<Place> & Pick<AuditEvent, "actor" | "tenantId">;

export interface RotationDeps {
  readonly database: Database;
  readonly config: RotationSettings;
  readonly log: Logger;
}

const DAY_SECONDS = 86_400;

/**
 * Does what the time has brought: forgets keys that are over, makes what is missing, and lets the
 * next key follow one that is due as soon as that is safe. Answers the number of keys it dealt with.
 */
export async function turnKeys({ database, config, log }: RotationDeps): Promise<number> {
  const everySeconds = config.keyRotationDays * DAY_SECONDS;
  const seen = await selectDuties(database, everySeconds);
  const uses = usesOf(config);
  if (!seen.some(isWork) && uses.every((use) => !isUseWork(seen, use))) return 0;
  const wanted = newPairsOf(seen, config.jwtAlgorithm);
  const maker = createKeyMaker({ config, log, sealing: await readSealingKeys(config) });
  for (const alg of wanted) await maker.prepare(alg, 1);
  return await database.withTransaction(async (tx) => {
    await lockKeys(tx);
    const duties = await selectDuties(tx, everySeconds);
    const over = kidsOf(duties, "isOver");
    if (over.length > 0) await endKeys(tx, over);
    const loaded = kidsOf(duties, "isLoadedNow");
    if (loaded.length > 0) await markLoaded(tx, loaded);
    let count = over.length + loaded.length;
    for (const use of uses) count += await turnUse(tx, use, { duties, config, maker, log });
    return count;
  });
}

const isWork = (duty: KeyDuty) => duty.isOver || duty.isLoadedNow;
const isUseWork = (duties: readonly KeyDuty[], use: KeyUse) =>
  missingStates(duties, use).length > 0 || rotates(duties, use);

/** Of these algorithms a pair will be needed. */
function newPairsOf(duties: readonly KeyDuty[], configured: Algorithm): AsymmetricAlgorithm[] {
  if (configured === "HS256") return [];
  const missing = missingStates(duties, "sig").map(() => configured);
  const next = duties.find(({ use, state }) => use === "sig" && state === "next");
  return rotates(duties, "sig") ? [...missing, next!.alg as AsymmetricAlgorithm] : missing;
}

/** A rotation waits while as many keys retire as a key set may hold. */
function rotates(duties: readonly KeyDuty[], use: KeyUse): boolean {
  const own = duties.filter((duty) => duty.use === use && !duty.isOver);
  if (own.length >= keyLimits.keySetMax) return false;
  return own.some((duty) => duty.isDue) && own.some((duty) => duty.isReady);
}

const kidsOf = (duties: readonly KeyDuty[], which: "isOver" | "isLoadedNow") =>
  duties.filter((duty) => duty[which]).map(({ kid }) => kid);

const usesOf = ({ jwtAlgorithm }: Pick<Config, "jwtAlgorithm">): readonly KeyUse[] =>
  jwtAlgorithm === "HS256" ? ["mac"] : KEY_USES;

interface Turn {
  readonly duties: readonly KeyDuty[];
  readonly config: RotationSettings;
  readonly maker: KeyMaker;
  readonly log: Logger;
}

async function turnUse(tx: Transaction, use: KeyUse, turn: Turn): Promise<number> {
  const { duties, config, maker, log } = turn;
  const missing = missingStates(duties, use);
  for (const state of missing) await maker.insert(tx, use, state, config.jwtAlgorithm);
  if (missing.length > 0 || !rotates(duties, use)) return missing.length;
  const ofUse = duties.filter((duty) => duty.use === use);
  const [from, to] = ["active", "next"].map((state) => ofUse.find((key) => key.state === state)!);
  await activateNext(tx, use);
  // What follows is of the same kind: another algorithm is brought in at a start.
  await maker.insert(tx, use, "next", to!.alg as Algorithm);
  const reason = `${use} ${from!.kid} ${to!.kid}`;
  await recordEvent(tx, { action: "key.rotate", reason });
  log.info({ event: "key_rotated", use, from: from!.kid, to: to!.kid }, "a key was rotated");
  return 1;
}

/**
 * Asks for the next key to follow as soon as that is safe, and looks whether it is now. Answers
 * whether it signs already.
 */
export async function rotateKeys(
  deps: RotationDeps,
  use: KeyUse,
  caller: RotationCaller,
): Promise<boolean> {
  const { database } = deps;
  const before = await activeKid(database, use);
  await database.withTransaction(async (tx) => {
    await lockKeys(tx);
    await askForRotation(tx, use);
    await recordEvent(tx, { action: "key.rotate_asked", ...caller, reason: use });
  });
  // The first turn may note that everybody has the next key, the second lets it follow.
  for (let turn = 0; turn < 2 && (await turnKeys(deps)) > 0; turn++);
  return (await activeKid(database, use)) !== before;
}

async function activeKid(database: Database, use: KeyUse): Promise<string | undefined> {
  const duties = await selectDuties(database, 0);
  return duties.find((duty) => duty.use === use && duty.state === "active")?.kid;
}

export interface Withdrawal {
  readonly use: KeyUse;
  /** The next key is not trusted either: it was sealed like the others. */
  readonly isNextToo: boolean;
}

export interface Withdrawn {
  readonly kids: readonly string[];
  readonly activeKid: string;
  readonly receipt: InvalidationReceipt;
}

/**
 * Emergency: what signed so far is withdrawn at once, and everything it signed with it. The next
 * key signs, whether others know it already or not.
 */
export async function withdrawAndRotate(
  { database, config, log, invalidate }: RotationDeps & { readonly invalidate: Invalidate },
  { use, isNextToo }: Withdrawal,
  caller: RotationCaller,
): Promise<Withdrawn> {
  const maker = createKeyMaker({ config, log, sealing: await readSealingKeys(config) });
  const { jwtAlgorithm: alg } = config;
  if (use === "sig" && alg !== "HS256") await maker.prepare(alg, isNextToo ? 2 : 1);
  const withdrawn = await database.withTransaction(
    async (tx) => {
      await lockKeys(tx);
      const states = ["active", "retiring", ...(isNextToo ? (["next"] as const) : [])] as const;
      const kids = await withdrawKeys(tx, use, states);
      await activateNext(tx, use);
      const left = await selectDuties(tx, 0);
      for (const state of missingStates(left, use)) await maker.insert(tx, use, state, alg);
      const after = await selectDuties(tx, 0);
      const active = after.find((key) => key.use === use && key.state === "active")!;
      const reason = `${use} ${kids.join(" ")}`;
      await recordEvent(tx, { action: "key.withdraw", ...caller, reason });
      const receipt = invalidate(tx, [{ kind: "issuer", issuer: config.publicUrl }]);
      return { kids, activeKid: active.kid, receipt };
    },
    { revocation: true },
  );
  log.warn({ event: "key_withdrawn", use, kids: withdrawn.kids }, "keys were withdrawn");
  return withdrawn;
}

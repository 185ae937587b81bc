import type { Clock } from "../../platform/clock.ts";
import { keySetLimits as limits } from "../../platform/limits.ts";
import { toVerificationKey } from "../keys/material.ts";
import type { VerificationKey } from "../token/verify.ts";
import { AbsentKids } from "./absent-kids.ts";
import type { ForeignKeys } from "./foreign-keys.ts";
import type { KeySetSnapshot } from "./key-set.ts";

export interface KeyCopiesOptions {
  /** The sets as main had them when this thread was told to serve. */
  readonly sets: readonly KeySetSnapshot[];
  /**
   * Asks main for a key. Main sends another set first if there is one, and answers when it may be
   * asked again, on the monotonic clock of the machine. May reject.
   */
  readonly ask: (issuer: string, kid: string) => Promise<number>;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Keys of an issuer do not count any more. Called after the exchange. */
  readonly onWithdrawn: (issuer: string) => void;
}

/** `ForeignKeys` of one thread, and how it gets other sets. */
export interface KeyCopies extends ForeignKeys {
  replace(set: KeySetSnapshot): void;
}

interface Copy {
  readonly keys: ReadonlyMap<string, VerificationKey>;
  readonly usableUntilMs: number;
}

/** The questions of a thread about one issuer. */
interface Questions {
  readonly asked: Map<string, { readonly answered: Promise<void>; waiters: number }>;
  readonly absent: AbsentKids;
  waiters: number;
}

/** What one thread has of the keys that main keeps. */
export function createKeyCopies(options: KeyCopiesOptions): KeyCopies {
  const { ask, clock, onWithdrawn } = options;
  const copies = new Map<string, Copy>();
  const questions = new Map<string, Questions>();

  const usable = (issuer: string): Copy | undefined => {
    const copy = copies.get(issuer);
    return copy !== undefined && clock.monotonicMs() < copy.usableUntilMs ? copy : undefined;
  };

  function questionsOf(issuer: string): Questions {
    let found = questions.get(issuer);
    if (found === undefined) {
      found = { asked: new Map(), absent: new AbsentKids(clock), waiters: 0 };
      questions.set(issuer, found);
    }
    return found;
  }

  async function askOnce(of: Questions, issuer: string, kid: string): Promise<void> {
    let againMs = clock.monotonicMs() + limits.demandWindowMs;
    try {
      againMs = Math.min(againMs, await ask(issuer, kid));
    } catch {
      // Main did not say when: a window is the longest that anybody is kept from asking.
    }
    of.waiters -= of.asked.get(kid)!.waiters;
    of.asked.delete(kid);
    if (!usable(issuer)?.keys.has(kid)) of.absent.add(kid, againMs);
  }

  function replace(set: KeySetSnapshot): void {
    const before = copies.get(set.issuer)?.keys ?? new Map<string, VerificationKey>();
    const keys = new Map(set.keys.map((jwk) => [jwk.kid, toVerificationKey(jwk)]));
    copies.set(set.issuer, { keys, usableUntilMs: set.usableUntilMs });
    const isWithdrawn = [...before].some(([kid, { id }]) => keys.get(kid)?.id !== id);
    if (isWithdrawn) onWithdrawn(set.issuer);
  }

  for (const set of options.sets) replace(set);
  return {
    replace,
    find(issuer, kid, alg) {
      const key = usable(issuer)?.keys.get(kid);
      return key?.alg === alg ? key : undefined;
    },
    isUsable: (issuer) => (usable(issuer)?.keys.size ?? 0) > 0,
    want(issuer, kid) {
      if (usable(issuer)?.keys.has(kid) === true) return undefined;
      const of = questionsOf(issuer);
      if (of.absent.has(kid) || of.waiters >= limits.threadWaitersMax) return undefined;
      let question = of.asked.get(kid);
      if (question === undefined) {
        if (of.asked.size >= limits.threadAsksMax) return undefined;
        question = { answered: askOnce(of, issuer, kid), waiters: 0 };
        of.asked.set(kid, question);
      }
      question.waiters++;
      of.waiters++;
      return question.answered;
    },
  };
}

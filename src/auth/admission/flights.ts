import type { Principal } from "../../http/principal.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Rejection } from "../../platform/errors.ts";
import type { Verdict } from "./verdict.ts";

type Outcome = Principal | Rejection;

export interface FlightsOptions {
  /** How often a waiter whose flight became stale may try again. */
  readonly againMax: number;
  /** Answer of a waiter whose flights all became stale. */
  readonly giveUp: Rejection;
  readonly onJoined: () => void;
  /** How long each flight took, told when it has landed. */
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly onLanded: (seconds: number) => void;
}

/**
 * One flight per token: of many requests that carry the same unknown token one does the work.
 *
 * A waiter came after its flight had begun, perhaps after a logout that the flight's look-up did
 * not see. So it takes the verdict only if nothing the verdict depends on has moved since the
 * flight *began*; else it begins anew. Whoever leads a flight came before it and takes its verdict
 * as it is.
 */
export function createFlights(options: FlightsOptions) {
  const { againMax, giveUp, onJoined, onLanded, clock } = options;
  const flights = new Map<string, Promise<Verdict>>();

  function lead(token: string, fly: () => Promise<Verdict>): Promise<Outcome> {
    const beganMs = clock.monotonicMs();
    const flight = fly();
    flights.set(token, flight);
    const end = () => {
      flights.delete(token);
      onLanded((clock.monotonicMs() - beganMs) / 1_000);
    };
    flight.then(end, end);
    return flight.then((verdict) => verdict.outcome);
  }

  /** Waits for the flight of a token; `begin` is called when there is none and none counted. */
  async function join(
    token: string,
    flight: Promise<Verdict>,
    begin: () => Outcome | Promise<Outcome>,
  ): Promise<Outcome> {
    onJoined();
    let joined: Promise<Verdict> | undefined = flight;
    for (let again = 0; joined !== undefined; again++) {
      const verdict = await joined;
      if (verdict.isCurrent()) return verdict.outcome;
      if (again === againMax) return giveUp;
      joined = flights.get(token);
    }
    return begin();
  }

  return {
    /** The flight of this token that is under way. */
    of: (token: string): Promise<Verdict> | undefined => flights.get(token),
    lead,
    join,
    count: (): number => flights.size,
  };
}

export type Flights = ReturnType<typeof createFlights>;

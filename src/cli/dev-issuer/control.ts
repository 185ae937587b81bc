import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { readFault, type Fault, type Faults } from "./faults.ts";
import { objectOf, optionalFlag, optionalNumber, optionalText, type Input } from "./input.ts";
import { mintToken, type TokenRequest } from "./mint.ts";
import type { MovableClock } from "./movable-clock.ts";
import type { Pool } from "./pool.ts";
import { invalidParameter, notFound } from "./service-error.ts";
import type { Rotation } from "./signing-keys.ts";

export interface ControlOptions {
  readonly pools: readonly Pool[];
  readonly clock: MovableClock;
  readonly faults: Faults;
  readonly requests: ReadonlyMap<string, number>;
}

export type Control = ReturnType<typeof createControl>;

/** What a test and a developer may do that Cognito's clients cannot. */
export function createControl({ pools, clock, faults, requests }: ControlOptions) {
  const poolNamed = (id: string | undefined): Pool => {
    const pool = id === undefined ? pools[0] : pools.find((one) => one.id === id);
    if (pool === undefined) throw notFound(`User pool ${id} does not exist.`);
    return pool;
  };
  return {
    /** Names of all keys that are published after it. */
    async rotateKeys(rotation: Rotation & { pool?: string } = {}): Promise<string[]> {
      const { keys } = poolNamed(rotation.pool);
      await keys.rotate(rotation);
      return keys.kids();
    },
    /** Only keys that sign are published after it. */
    retireKeys(pool?: string): string[] {
      const { keys } = poolNamed(pool);
      keys.retire();
      return keys.kids();
    },
    setClock: (offsetSeconds: number) => clock.setOffset(offsetSeconds),
    fault: (fault: Fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    token: ({ pool, ...request }: TokenRequest & { pool?: string } = {}): Promise<string> =>
      mintToken(poolNamed(pool), request),
    /** How many sign-ins were ended. */
    signEverybodyOut: (pool?: string): number => poolNamed(pool).grants.revoke(),
    /** Requests for an action or a path since the start. */
    requestCount: (target: string): number => requests.get(target) ?? 0,
    requests: (): Record<string, number> => Object.fromEntries(requests),
  };
}

/** `METHOD /control/…`; undefined: there is no such control. */
export async function runControl(
  route: string,
  input: Input,
  control: Control,
): Promise<object | undefined> {
  const pool = optionalText(input, "pool");
  const named = pool === undefined ? {} : { pool };
  switch (route) {
    case "POST /control/keys/rotate": {
      const rotation = {
        ...named,
        publishOnly: optionalFlag(input, "publishOnly"),
        retire: optionalFlag(input, "retire"),
      };
      return { kids: await control.rotateKeys(rotation) };
    }
    case "POST /control/keys/retire":
      return { kids: control.retireKeys(pool) };
    case "POST /control/clock": {
      const { offsetSecondsMax: max } = limits;
      const offsetSeconds = optionalNumber(input, "offsetSeconds", max, -max) ?? 0;
      control.setClock(offsetSeconds);
      return { offsetSeconds };
    }
    case "POST /control/faults":
      control.fault(readFault(input));
      return {};
    case "DELETE /control/faults":
      control.clearFaults();
      return {};
    case "POST /control/tokens":
      return { token: await control.token({ ...named, ...readTokenRequest(input) }) };
    case "POST /control/sign-out":
      return { ended: control.signEverybodyOut(pool) };
    case "GET /control/requests":
      return control.requests();
    default:
      return undefined;
  }
}

function readTokenRequest(input: Input): TokenRequest {
  const use = optionalText(input, "use") ?? "access";
  if (use !== "access" && use !== "id") throw invalidParameter("use must be access or id");
  const { lifeSecondsMax: max } = limits;
  const user = optionalText(input, "user");
  const clientId = optionalText(input, "clientId");
  const seconds = optionalNumber(input, "seconds", max, -max);
  const claims = objectOf(input, "claims");
  return {
    use,
    claims,
    ...(user === undefined ? {} : { user }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

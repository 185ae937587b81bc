import type { Clock } from "../../platform/clock.ts";
import { randomToken } from "../../platform/ids.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import type { SrpExchange } from "./srp.ts";
import type { User } from "./users.ts";

/** What a sign-in waits for. No user: a name that nobody has was given, and nothing will do. */
export type Challenge =
  | { kind: "new password"; clientId: string; user: User }
  | { kind: "srp"; clientId: string; user: User | undefined; exchange: SrpExchange };

export type Challenges = ReturnType<typeof createChallenges>;

/** Open challenges of one pool; each is answered once, right or wrong. */
export function createChallenges(clock: Clock) {
  const open = new Map<string, { challenge: Challenge; expiresAtSeconds: number }>();
  return {
    /** The text that names it: `Session`, or `SECRET_BLOCK`. */
    add(challenge: Challenge): string {
      const name = Buffer.from(randomToken(48)).toString("base64");
      const expiresAtSeconds = clock.nowSeconds() + limits.challengeSeconds;
      open.set(name, { challenge, expiresAtSeconds });
      if (open.size > limits.challengesMaxCount) open.delete(open.keys().next().value!);
      return name;
    },
    take(name: string, clientId: string): Challenge | undefined {
      const found = open.get(name);
      if (found === undefined || found.challenge.clientId !== clientId) return undefined;
      open.delete(name);
      return found.expiresAtSeconds > clock.nowSeconds() ? found.challenge : undefined;
    },
  };
}

import type { Clock } from "../../platform/clock.ts";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { invalidParameter, notFound, ServiceError } from "./service-error.ts";

export interface Group {
  readonly name: string;
  readonly description: string | undefined;
  readonly precedence: number | undefined;
  readonly createdSeconds: number;
}

/** Groups of one pool. */
export function createGroups(clock: Clock) {
  const groups = new Map<string, Group>();
  return {
    all: () => [...groups.values()],
    get(name: string): Group {
      const group = groups.get(name);
      if (group === undefined) throw notFound("Group not found.");
      return group;
    },
    add(given: Omit<Group, "createdSeconds">): Group {
      if (groups.has(given.name)) {
        throw new ServiceError("GroupExistsException", "A group with the name already exists.");
      }
      if (!/^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u.test(given.name)) {
        throw invalidParameter("GroupName is not a name of a group");
      }
      if (groups.size >= limits.groupsMaxCount) {
        throw new ServiceError("LimitExceededException", "the pool has enough groups");
      }
      const group = { ...given, createdSeconds: clock.nowSeconds() };
      groups.set(group.name, group);
      return group;
    },
    remove: (name: string) => groups.delete(name),
  };
}

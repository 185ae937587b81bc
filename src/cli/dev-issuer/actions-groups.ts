import type { Action } from "./action.ts";
import { pageOf, userOf } from "./actions-users.ts";
import { optionalNumber, optionalText, textOf } from "./input.ts";
import type { Pool } from "./pool.ts";
import type { Group } from "./groups.ts";

export const groupActions: Readonly<Record<string, Action>> = {
  CreateGroup(input, directory) {
    const pool = directory.poolOf(input);
    const group = pool.users.groups.add({
      name: textOf(input, "GroupName"),
      description: optionalText(input, "Description"),
      precedence: optionalNumber(input, "Precedence", Number.MAX_SAFE_INTEGER),
    });
    return { Group: describe(pool, group) };
  },
  GetGroup(input, directory) {
    const pool = directory.poolOf(input);
    return { Group: describe(pool, pool.users.groups.get(textOf(input, "GroupName"))) };
  },
  DeleteGroup(input, directory) {
    const { users } = directory.poolOf(input);
    const { name } = users.groups.get(textOf(input, "GroupName"));
    users.groups.remove(name);
    for (const user of users.all()) user.groups.delete(name);
    return {};
  },
  ListGroups(input, directory) {
    const pool = directory.poolOf(input);
    const { page, next } = pageOf(pool.users.groups.all(), input, "NextToken");
    return {
      Groups: page.map((group) => describe(pool, group)),
      ...(next === undefined ? {} : { NextToken: next }),
    };
  },
  AdminAddUserToGroup(input, directory) {
    const pool = directory.poolOf(input);
    const group = pool.users.groups.get(textOf(input, "GroupName"));
    userOf(pool, input).groups.add(group.name);
    return {};
  },
  AdminRemoveUserFromGroup(input, directory) {
    const pool = directory.poolOf(input);
    const group = pool.users.groups.get(textOf(input, "GroupName"));
    userOf(pool, input).groups.delete(group.name);
    return {};
  },
  AdminListGroupsForUser(input, directory) {
    const pool = directory.poolOf(input);
    const names = [...userOf(pool, input).groups];
    return { Groups: names.map((name) => describe(pool, pool.users.groups.get(name))) };
  },
};

function describe(pool: Pool, { name, description, precedence, createdSeconds }: Group): object {
  return {
    GroupName: name,
    UserPoolId: pool.id,
    ...(description === undefined ? {} : { Description: description }),
    ...(precedence === undefined ? {} : { Precedence: precedence }),
    CreationDate: createdSeconds,
    LastModifiedDate: createdSeconds,
  };
}

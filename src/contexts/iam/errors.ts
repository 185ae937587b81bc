import { defineErrors } from "../../platform/errors.ts";

/** Refusals of the iam context that the common codes do not name. */
export const iamErrors = defineErrors({
  user_exists: { status: 409, title: "A user with this identity exists" },
  role_exists: { status: 409, title: "A role with this name exists in the context" },
  role_unknown: { status: 422, title: "The context has no role with this name" },
  role_built_in: { status: 409, title: "A built-in role cannot be changed" },
  last_administrator: { status: 409, title: "The tenant would be left without an administrator" },
});

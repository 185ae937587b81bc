import { defineErrors } from "../platform/errors.ts";

/** Refusals of the HTTP layer itself. */
export const httpErrors = defineErrors({
  malformed_request: { status: 400, title: "The request is malformed" },
  host_invalid: { status: 400, title: "The request names a host that is not served here" },
  authentication_required: { status: 401, title: "Authentication is required" },
  step_up_required: { status: 401, title: "A fresh authentication is required" },
  permission_denied: { status: 403, title: "The caller lacks a required permission" },
  method_not_allowed: { status: 405, title: "The resource does not know this method" },
  request_timeout: { status: 408, title: "The request did not arrive in time" },
  idempotency_key_in_use: { status: 409, title: "A request with this key is being carried out" },
  idempotency_answer_lost: {
    status: 409,
    title: "The request was carried out; its answer is gone",
  },
  idempotency_key_reused: { status: 422, title: "The key belongs to another request" },
  length_required: { status: 411, title: "The request needs a content-length" },
  payload_too_large: { status: 413, title: "The body is larger than this resource takes" },
  uri_too_long: { status: 414, title: "The address is too long" },
  unsupported_media_type: { status: 415, title: "The media type of the body is not supported" },
  rate_limited: { status: 429, title: "Too many requests; try again later" },
  method_not_implemented: { status: 501, title: "The server does not know this method" },
});

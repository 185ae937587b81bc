import { json, noContent } from "../../http/reply.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import { callerOf, NO_STORE, ownAccountId } from "../routes-replies.ts";
import { USERS } from "./routes-factors.ts";
import { trustedDeviceParams, trustedDevicesAnswer } from "./routes-schemas.ts";
import { deleteTrustedDevices, listTrustedDevices } from "./store-devices.ts";

export interface DeviceRouteDeps {
  readonly database: Database;
}

/** The caller's devices that need no second factor for a while. */
export function createDeviceRoutes(deps: DeviceRouteDeps): Route[] {
  return [listRoute(deps), forgetRoute(deps)];
}

const listRoute = ({ database }: DeviceRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/trusted-devices",
    summary: "Devices that need no second factor for a while",
    tag: "auth",
    access: USERS,
    responses: { 200: { description: "The devices", schema: trustedDevicesAnswer } },
    async handler({ principal }) {
      const devices = await listTrustedDevices(database, ownAccountId(principal));
      const views = devices.map(({ id, device, network, createdAt, expiresAt }) => ({
        id,
        device: device ?? null,
        network: network ?? null,
        created_at: createdAt.toISOString(),
        expires_at: expiresAt.toISOString(),
      }));
      return json(200, { trusted_devices: views }, NO_STORE);
    },
  });

const forgetRoute = ({ database }: DeviceRouteDeps) =>
  defineRoute({
    method: "DELETE",
    path: "/auth/trusted-devices/{device_id}",
    summary: "Trusts a device no longer",
    tag: "auth",
    access: USERS,
    params: trustedDeviceParams,
    responses: { 204: { description: "Forgotten" } },
    async handler(request) {
      const { principal, params } = request;
      const accountId = ownAccountId(principal);
      const { tenantId } = principal;
      await database.withTransaction(async (tx) => {
        const count = await deleteTrustedDevices(tx, accountId, params.device_id);
        if (count === 0) throw platformErrors.failure("not_found");
        const event = { actor: accountId, subject: accountId, tenantId } as const;
        const place = placeOf(callerOf(request));
        await recordEvent(tx, { action: "mfa.device_forgotten", ...event, ...place });
      });
      return noContent();
    },
  });

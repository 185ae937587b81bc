import { describeDevice } from "../session/device.ts";
import type { Caller } from "../session/open.ts";
import { coarseNetworkOf } from "../throttle/network.ts";

/** Where something was asked from, as the audit log keeps it. */
export interface Place {
  readonly requestId: string;
  readonly network: string | undefined;
  readonly country: string | undefined;
  readonly device: string | undefined;
}

/** The place of a caller; what it does not know of itself stays unsaid. */
export function placeOf(caller: Caller): Place {
  return {
    requestId: caller.requestId,
    network: coarseNetworkOf(caller.address),
    country: caller.country,
    device: caller.device ?? describeDevice(undefined, caller.userAgent),
  };
}

import type { RecordIamEvents } from "../index.ts";
import { callerOf } from "../routes-replies.ts";
import { placeOf } from "./place.ts";
import { recordEvents } from "./store.ts";

/** Users and their roles are security: who changed them, where from, is kept beside the logins. */
export const recordIamEvents: RecordIamEvents = (tx, events) =>
  recordEvents(
    tx,
    events.map(({ request, ...event }) => ({
      ...event,
      ...(request === undefined ? {} : placeOf(callerOf(request))),
    })),
  );

import { NO_TENANT_CHAIN } from "../auth/audit/chain.ts";
import { listEvents, type StoredEvent } from "../auth/audit/store-events.ts";
import { verifyAudit, type Anchor, type ChainReport } from "../auth/audit/verify.ts";
import { auditLimits } from "../platform/limits.ts";
import { defineCommand, EXIT, UsageError } from "./command.ts";
import { withWorkspace } from "./open-database.ts";
import { printable, toTable } from "./terminal.ts";

const tenant = {
  type: "string",
  value: "ID",
  description: "Only this tenant; `none` for events of no tenant",
} as const;
const json = { type: "boolean", description: "JSON lines in place of a table" } as const;

export const auditCommands = [
  defineCommand({
    name: "audit verify",
    summary: "Looks the chain of every tenant over and names the first broken event.",
    positionals: [],
    options: {
      tenant,
      anchor: {
        type: "string",
        value: "PLACE:HASH",
        description: "A head that was written down elsewhere; needs --tenant",
      },
      json,
    },
    notes: [
      "Ends with 1 when a chain is broken: an event was changed, removed, inserted or reordered.",
      "Keep the heads it prints outside of the database: with --anchor they prove that nobody made",
      "the whole chain anew.",
    ],
    run: ({ values, terminal }) =>
      withWorkspace(terminal, async ({ database }) => {
        const anchor = readAnchor(values.anchor);
        const chain = readTenant(values.tenant);
        if (anchor !== undefined && chain === undefined) {
          throw new UsageError("--anchor needs --tenant");
        }
        const reports = await verifyAudit(database, chain, anchor);
        const lines = values.json === true ? reports.map(toJson) : reports.map(toSentence);
        for (const line of lines) terminal.out(line);
        if (reports.length === 0) terminal.out("no events");
        return reports.every(({ broken }) => broken === undefined) ? EXIT.ok : EXIT.failure;
      }),
  }),
  defineCommand({
    name: "audit list",
    summary: "Lists security events, newest first.",
    positionals: [],
    options: {
      tenant,
      actor: { type: "string", value: "ID", description: "Who did it" },
      subject: { type: "string", value: "ID", description: "Whom it was done to" },
      action: { type: "string", value: "NAME", description: "Like login.failure" },
      request: { type: "string", value: "ID", description: "The reference of an answer" },
      session: { type: "string", value: "ID", description: "A session" },
      limit: { type: "string", value: "N", description: "How many; 50" },
      json,
    },
    run: ({ values, terminal }) =>
      withWorkspace(terminal, async ({ database }) => {
        const { actor, subject, action, request: requestId, session: sessionId } = values;
        const chain = readTenant(values.tenant);
        const events = await listEvents(
          database,
          { actor, subject, action, requestId, sessionId },
          { tenantId: chain, exactly: true, limit: readLimit(values.limit) },
        );
        if (values.json === true) for (const event of events) terminal.out(JSON.stringify(event));
        else for (const line of toRows(events)) terminal.out(line);
        return EXIT.ok;
      }),
  }),
];

function readTenant(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text === "none") return NO_TENANT_CHAIN;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new UsageError("--tenant takes the id of a tenant, or none");
}

function readAnchor(text: string | undefined): Anchor | undefined {
  if (text === undefined) return undefined;
  const found = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text);
  if (found === null) throw new UsageError("--anchor takes PLACE:HASH, as audit verify prints it");
  return { position: Number(found[1]), hash: found[2]! };
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return auditLimits.pageDefault;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError("--limit takes a whole number from 1 on");
}

const nameOf = (chain: string) => (chain === NO_TENANT_CHAIN ? "none" : chain);

function toSentence({ chain, sealed, waiting, head, broken }: ChainReport): string {
  const name = `tenant ${nameOf(chain)}`;
  if (broken !== undefined) {
    const { kind, position, event } = broken;
    const place = position === undefined ? "outside of the chain" : `at place ${position}`;
    const what =
      event === undefined ? "an event" : `event ${event.number} (${event.action}, ${event.at})`;
    return `${name}: broken ${place}: ${what} was ${kind}`;
  }
  const last = head === undefined ? "" : `, head ${head.position}:${head.hash}`;
  return `${name}: ${sealed} events are what they were, ${waiting} wait for their seal${last}`;
}

function toJson({ chain, ...report }: ChainReport): string {
  const { broken } = report;
  const event = broken?.event;
  return JSON.stringify({
    tenant: nameOf(chain),
    ...report,
    ...(broken === undefined
      ? {}
      : {
          broken: {
            ...broken,
            event: event && { number: event.number, at: event.at, action: event.action },
          },
        }),
  });
}

function toRows(events: readonly StoredEvent[]): string[] {
  const rows = events.map((event) => [
    String(event.number),
    event.at.toISOString(),
    event.action,
    event.actor ?? "-",
    event.subject ?? "-",
    event.network ?? "-",
    printable(event.reason ?? ""),
  ]);
  return toTable(["NUMBER", "AT", "ACTION", "ACTOR", "SUBJECT", "NETWORK", "REASON"], rows);
}

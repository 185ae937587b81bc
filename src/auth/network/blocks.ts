import type { Clock } from "../../platform/clock.ts";
import { networkLimits as limits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import type { DocumentCache } from "../index.ts";
import { createNetworkSet, readCidr, type NetworkSet } from "./cidr.ts";
import { listBlocks } from "./store-blocks.ts";

/** Who blocked a network: somebody, or ourselves for a time. */
export type BlockKind = "manual" | "automatic";

/** A value when this thread knows the blocks, a promise when they must be read. */
export type BlockOf = (address: string) => BlockKind | undefined | Promise<BlockKind | undefined>;

export interface BlocksOptions {
  readonly database: Pick<Database, "read">;
  readonly documents: DocumentCache;
  readonly clock: Pick<Clock, "nowMs">;
}

interface Blocks {
  readonly lasting: NetworkSet;
  readonly ending: readonly {
    readonly has: NetworkSet;
    readonly endsAtMs: number;
    readonly kind: BlockKind;
  }[];
}

/**
 * The blocks of all networks, kept per thread like policies are: whoever changes one invalidates
 * `{ kind: "policies" }` in the same transaction.
 */
export function createBlockOf({ database, documents, clock }: BlocksOptions): BlockOf {
  const kept = documents.open<Blocks>({
    name: "network_blocks",
    dependsOn: [{ kind: "policies" }],
    load: () => loadBlocks(database),
  });
  const find = ({ lasting, ending }: Blocks, address: string): BlockKind | undefined => {
    if (lasting(address)) return "manual";
    const nowMs = clock.nowMs();
    const found = ending.filter(({ endsAtMs, has }) => endsAtMs > nowMs && has(address));
    return found.some(({ kind }) => kind === "manual") ? "manual" : found[0]?.kind;
  };
  return (address) => {
    const blocks = kept.get("all");
    return blocks instanceof Promise
      ? blocks.then((loaded) => find(loaded, address))
      : find(blocks, address);
  };
}

async function loadBlocks(database: Pick<Database, "read">): Promise<Blocks> {
  const blocks = await listBlocks(database, limits.blocksMaxCount);
  const lasting = blocks.filter(({ endsAt }) => endsAt === undefined);
  const setOf = (networks: readonly string[]) =>
    createNetworkSet(networks.map(readCidr).filter((cidr) => cidr !== undefined));
  return Object.freeze({
    lasting: setOf(lasting.map(({ network }) => network)),
    ending: blocks
      .filter(({ endsAt }) => endsAt !== undefined)
      .map(({ network, endsAt, isAutomatic }) => ({
        has: setOf([network]),
        endsAtMs: endsAt!.getTime(),
        kind: isAutomatic ? ("automatic" as const) : ("manual" as const),
      })),
  });
}

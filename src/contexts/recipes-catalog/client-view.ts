import type { ClientFields } from "./client.ts";
import { viewMenu, type MenuRow } from "./menu.ts";
import type { Tag } from "./tag.ts";

export interface ClientRow extends ClientFields {
  readonly id: string;
  readonly tenant_id: string;
  readonly author_id: string;
  readonly version: number;
  readonly discarded: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly tags: readonly Tag[];
  readonly menus: readonly MenuRow[];
}

/** A client as it is answered. */
export function viewClient(row: ClientRow) {
  const { name, birthday, sex, contact_info, address } = row;
  return {
    id: row.id,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    version: row.version,
    discarded: row.discarded,
    author_id: row.author_id,
    profile: { name, birthday, sex },
    contact_info,
    address,
    tags: row.tags,
    menus: row.menus.map(viewMenu),
    notes: row.notes,
    onboarding_data: row.onboarding_data,
  };
}

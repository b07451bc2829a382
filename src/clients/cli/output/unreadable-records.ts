import { RuntimeServiceService, StatusRequest } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { parseInfo } from "./verbose-info.ts";

/** A container or pod whose record the daemon cannot read; it is shown nowhere else. */
export type UnreadableRecord = { readonly kind: "container" | "pod sandbox"; readonly id: string };

/** The unreadable records in the info of a verbose Status; other runtimes report none. */
export function unreadableRecords(info: Readonly<Record<string, string>>): readonly UnreadableRecord[] {
  const { unreadableRecords: records } = parseInfo(info);
  return Array.isArray(records) ? records : [];
}

/** Finds an unreadable record by its full id. */
export async function findUnreadable(client: Client, id: string): Promise<UnreadableRecord | undefined> {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const { info } = await client.unary(
    RuntimeServiceService.status,
    StatusRequest.fromPartial({ verbose: true }),
  );
  return unreadableRecords(info).find((record) => record.id === id);
}

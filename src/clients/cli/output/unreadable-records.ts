import { RuntimeServiceService, StatusRequest } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { parseInfo } from "./verbose-info.ts";

/** A container or pod whose record the daemon cannot read, and which it shows nowhere else. */
export type UnreadableRecord = { readonly kind: "container" | "pod sandbox"; readonly id: string };

/** Those in the info of a verbose Status; other runtimes tell of none. */
export function unreadableRecords(info: Readonly<Record<string, string>>): readonly UnreadableRecord[] {
  const { unreadableRecords: records } = parseInfo(info);
  return Array.isArray(records) ? records : [];
}

/** By its whole id. */
export async function findUnreadable(client: Client, id: string): Promise<UnreadableRecord | undefined> {
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
  const { info } = await client.unary(
    RuntimeServiceService.status,
    StatusRequest.fromPartial({ verbose: true }),
  );
  return unreadableRecords(info).find((record) => record.id === id);
}

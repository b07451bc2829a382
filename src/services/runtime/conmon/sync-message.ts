import type { Readable } from "node:stream";
import { isErrno } from "../../../ground/fs/index.ts";

/**
 * conmon's message on its sync pipe after the OCI runtime's `create`, one line of JSON: the pid of the
 * container's first process, or -1 with the runtime's stderr.
 */
export type SyncMessage =
  | { readonly kind: "created"; readonly pid: number }
  | { readonly kind: "failed"; readonly message: string }
  /** conmon ended without a message. */
  | { readonly kind: "ended" };

const limitBytes = 256 * 1024;

export async function readSyncMessage(pipe: Readable): Promise<SyncMessage> {
  let text = "";
  try {
    for await (const chunk of pipe.setEncoding("utf8").iterator({ destroyOnReturn: true })) {
      text += chunk;
      if (text.includes("\n") || text.length > limitBytes) break;
    }
  } catch (error) {
    // A message that arrived before the pipe broke still counts.
    if (!isErrno(error, "ECONNRESET")) throw error;
  }
  return text === "" ? { kind: "ended" } : parseSyncMessage(text);
}

function parseSyncMessage(text: string): SyncMessage {
  const unreadable: SyncMessage = { kind: "failed", message: text.trim().slice(0, 1024) };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("pid" in value)) return unreadable;
    if (Number.isInteger(value.pid) && Number(value.pid) > 0)
      return { kind: "created", pid: Number(value.pid) };
    return { kind: "failed", message: "message" in value ? String(value.message).trim() : "" };
  } catch {
    return unreadable;
  }
}

import { randomBytes } from "node:crypto";

/** A new sandbox or container id: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString("hex");
}

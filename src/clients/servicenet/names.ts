import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { linkByName, listLinks, NetlinkSocket } from "../../ground/linux/index.ts";
import { removeTraces } from "./traces.ts";

/** Short, because names of links have at most 15 bytes. */
const ofProcess = "berth_p";
const ofDirectory = "berth_s";

/**
 * The name of a network's link and table: derived from a data directory, or from this process, with which the
 * network then ends.
 */
export function serviceNetworkName(directory?: string): string {
  if (directory === undefined) return `${ofProcess}${process.pid}`;
  return `${ofDirectory}${createHash("sha256").update(directory).digest("hex").slice(0, 8)}`;
}

/** Removes the networks of killed processes. Throws LinuxError. */
export async function removeLeftServiceNetworks(): Promise<void> {
  using route = NetlinkSocket.open("route");
  for (const { name } of listLinks(route)) {
    const pid = name.startsWith(ofProcess) ? name.slice(ofProcess.length) : "";
    if (!/^\d+$/.test(pid) || existsSync(`/proc/${pid}`)) continue;
    if (linkByName(route, name)?.kind === "bridge") await removeTraces(route, name);
  }
}

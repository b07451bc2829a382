import { isErrno } from "../../../ground/fs/index.ts";
import { forgetConnections, NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import { type IpAddress, type IpNetwork, ipBytes } from "./ip-address.ts";
import type { TableElement } from "./own-table.ts";
import { addressPortMap, families, portMap } from "./rule-table.ts";

/** A port of this machine that is forwarded to a pod. */
export type PortRedirect = {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostPort: number;
  /** Undefined for all addresses of the machine. */
  readonly hostIp: IpAddress | undefined;
  readonly pod: IpNetwork;
  readonly podPort: number;
};

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 };

/** The map element that forwards a port to its pod. */
export function portElement(port: PortRedirect): Omit<TableElement, "note"> {
  const { family } = port.pod.address;
  const ports = [Buffer.of(protocolNumbers[port.protocol]), portBytes(port.hostPort)];
  const value = nft.fields(ipBytes(port.pod.address), portBytes(port.podPort));
  const { hostIp } = port;
  return hostIp === undefined
    ? { set: portMap(family), key: nft.fields(...ports), value }
    : { set: addressPortMap(family), key: nft.fields(ipBytes(hostIp), ...ports), value };
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

/** Drops tracked UDP connections: a client that keeps sending would never reach the new rules. */
export function forgetPortConnections(ports: readonly PortRedirect[]): void {
  const hosts = ports.filter(({ protocol }) => protocol === "udp");
  if (hosts.length === 0) return;
  using socket = NetlinkSocket.open("netfilter");
  for (const { hostPort, pod } of hosts) {
    const family = families[pod.address.family].number;
    try {
      forgetConnections(socket, { family, protocol: protocolNumbers.udp, port: hostPort });
    } catch (error) {
      // If the kernel does not support this, it forgets a connection after some idle minutes.
      if (!isErrno(error, "EINVAL", "EOPNOTSUPP")) throw error;
    }
  }
}

import { isIP } from "node:net";
import { type PortMapping, Protocol } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";

const protocols: Readonly<Record<string, Protocol>> = {
  tcp: Protocol.TCP,
  udp: Protocol.UDP,
  sctp: Protocol.SCTP,
};

/** `[IP:]HOSTPORT:PORT[/PROTOCOL]`; an IPv6 address stands in brackets. Throws CliError. */
export function parsePort(text: string): PortMapping {
  const match = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d+):(\d+)(?:\/([a-z]+))?$/i.exec(text);
  const hostIp = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  const protocol = protocols[(match?.[4] ?? "tcp").toLowerCase()];
  const hostPort = Number(match?.[2]);
  const containerPort = Number(match?.[3]);
  if (
    match === null ||
    protocol === undefined ||
    !isPort(hostPort) ||
    !isPort(containerPort) ||
    (hostIp !== "" && isIP(hostIp) === 0)
  ) {
    throw usageError(`--publish ${JSON.stringify(text)} is not [IP:]HOSTPORT:PORT[/tcp|udp|sctp]`);
  }
  return { hostIp, hostPort, containerPort, protocol };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

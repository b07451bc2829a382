import { isIP } from "node:net";
import type { ContainerPort } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

const protocols: Readonly<Record<string, NonNullable<ContainerPort["protocol"]>>> = {
  tcp: "TCP",
  udp: "UDP",
  sctp: "SCTP",
};

/** Parses `[IP:]HOSTPORT:PORT[/PROTOCOL]`, with an IPv6 address in brackets. Throws CliError. */
export function parsePort(text: string): ContainerPort {
  const match = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d+):(\d+)(?:\/([a-z]+))?$/i.exec(text);
  const hostIP = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  const protocol = protocols[(match?.[4] ?? "tcp").toLowerCase()];
  const hostPort = Number(match?.[2]);
  const containerPort = Number(match?.[3]);
  if (
    match === null ||
    protocol === undefined ||
    !isPort(hostPort) ||
    !isPort(containerPort) ||
    (hostIP !== "" && isIP(hostIP) === 0)
  ) {
    throw usageError(`--publish ${JSON.stringify(text)} is not [IP:]HOSTPORT:PORT[/tcp|udp|sctp]`);
  }
  return { ...(hostIP === "" ? {} : { hostIP }), hostPort, containerPort, protocol };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

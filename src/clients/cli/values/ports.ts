import { isIP } from "node:net";
import type { ContainerPort } from "../../manifests/index.ts";
import { usageError } from "../errors.ts";

const protocols: ReadonlyMap<string, NonNullable<ContainerPort["protocol"]>> = new Map([
  ["tcp", "TCP"],
  ["udp", "UDP"],
  ["sctp", "SCTP"],
]);

/** Parses `[IP:]HOSTPORT:PORT[/PROTOCOL]`, with an IPv6 address in brackets. Throws CliError. */
export function parsePort(text: string): ContainerPort {
  const match = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d+):(\d+)(?:\/([a-z]+))?$/i.exec(text);
  const hostIP = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  const protocol = protocols.get((match?.[4] ?? "tcp").toLowerCase());
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

export type ForwardedPort = {
  /** 0 for any free port. */
  readonly local: number;
  readonly remote: number;
};

/** Parses `PORT`, `LOCAL:REMOTE`, or `:REMOTE` for a free local port. Throws CliError. */
export function parseForwardedPort(text: string): ForwardedPort {
  const match = /^(?:(\d*):)?(\d+)$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote < 1 || remote > 65_535 || local > 65_535)
    throw usageError(`${JSON.stringify(text)} is not [LOCAL:]REMOTE with ports from 1 to 65535`);
  return { local, remote };
}

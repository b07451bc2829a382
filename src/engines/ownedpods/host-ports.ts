import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import { type PodSandboxConfig, type PortMapping, Protocol } from "../../ground/protocol/index.ts";
import { EngineError } from "../engine/index.ts";
import type { OtherPod } from "./engine-pods.ts";

/** A host port that a pod requests. */
type HostPort = {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** "" is every address. */
  readonly address: string;
};

/**
 * Rejects host ports that another pod has, or on which another program listens: packet filters send
 * everything for the port to the pod, so that the other would silently get nothing. Throws EngineError
 * AlreadyExists, and InvalidArgument for an address that is not the machine's. SCTP ports are compared only
 * with those of pods: Node has no SCTP sockets.
 */
export async function refuseTakenPorts(config: PodSandboxConfig, others: readonly OtherPod[]): Promise<void> {
  const wanted = hostPorts(config);
  for (const [index, one] of wanted.entries()) {
    if (wanted.slice(0, index).some((other) => overlap(one, other)))
      throw new EngineError("InvalidArgument", `port ${text(one)} of this machine is requested twice`);
    const holder = others.find(
      (pod) => !pod.isOver && hostPorts(pod.config).some((other) => overlap(one, other)),
    );
    if (holder !== undefined) throw takenByPod(one, holder);
    await refuseIfListenedOn(one);
  }
}

function hostPorts({ portMappings }: PodSandboxConfig): readonly HostPort[] {
  return portMappings.filter(({ hostPort }) => hostPort > 0).map(toHostPort);
}

function toHostPort({ protocol, hostPort, hostIp }: PortMapping): HostPort {
  const name = protocol === Protocol.UDP ? "udp" : protocol === Protocol.SCTP ? "sctp" : "tcp";
  return { protocol: name, port: hostPort, address: isEvery(hostIp) ? "" : hostIp };
}

function isEvery(address: string): boolean {
  return ["", "0.0.0.0", "::"].includes(address);
}

function overlap(one: HostPort, other: HostPort): boolean {
  if (one.protocol !== other.protocol || one.port !== other.port) return false;
  return one.address === "" || other.address === "" || one.address === other.address;
}

async function refuseIfListenedOn(one: HostPort): Promise<void> {
  if (one.protocol === "sctp") return;
  for (const address of one.address === "" ? ["0.0.0.0", "::"] : [one.address]) {
    try {
      await (one.protocol === "tcp" ? tryTcp(one.port, address) : tryUdp(one.port, address));
    } catch (cause) {
      const errno = (cause as NodeJS.ErrnoException).code;
      if (errno === "EADDRINUSE") throw takenByProgram(one);
      if (errno === "EADDRNOTAVAIL" && one.address !== "")
        throw new EngineError(
          "InvalidArgument",
          `port ${text(one)}: ${address} is not an address of this machine; \`ip address\` lists them`,
        );
      // A machine without IPv6.
      if (errno !== "EAFNOSUPPORT" && errno !== "EADDRNOTAVAIL")
        throw new EngineError("Internal", `port ${text(one)}: cannot check whether it is in use`, {
          cause,
        });
    }
  }
}

async function tryTcp(port: number, host: string): Promise<void> {
  const server = createServer();
  const listening = once(server, "listening");
  server.listen({ port, host, ipv6Only: isIPv6(host), exclusive: true });
  await listening;
  const closed = once(server, "close");
  server.close();
  await closed;
}

async function tryUdp(port: number, address: string): Promise<void> {
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", ipv6Only: isIPv6(address) });
  const listening = once(socket, "listening");
  socket.bind({ port, address, exclusive: true });
  try {
    await listening;
  } finally {
    socket.close();
  }
}

function text({ address, port, protocol }: HostPort): string {
  return `${address === "" ? "" : `${isIPv6(address) ? `[${address}]` : address}:`}${port}/${protocol}`;
}

function takenByPod(one: HostPort, { id, config: { metadata } }: OtherPod): EngineError {
  return new EngineError(
    "AlreadyExists",
    `port ${text(one)} of this machine is already used by pod ${metadata?.namespace}/${metadata?.name} (${id.slice(0, 13)}); stop that pod or choose another port`,
  );
}

function takenByProgram(one: HostPort): EngineError {
  const { protocol, port } = one;
  const table = protocol === "tcp" ? "-ltnp" : "-lunp";
  return new EngineError(
    "AlreadyExists",
    `port ${text(one)} of this machine is already used by another program (\`ss ${table} 'sport = :${port}'\` shows which); choose another port`,
  );
}

import type { PodAttachment } from "./network.ts";

/**
 * Which attached pods have requested which host ports. If several have requested one, only the last one has
 * it; once that has gone, it is due to the others.
 */
export class HostPorts {
  readonly #podsOfPort = new Map<string, Set<string>>();
  readonly #portsOfPod = new Map<string, readonly string[]>();

  add({ sandboxId, portMappings }: PodAttachment): void {
    const ports = portMappings.map(({ protocol, hostPort }) => `${hostPort}/${protocol}`);
    if (ports.length === 0) return;
    this.#portsOfPod.set(sandboxId, ports);
    for (const port of ports) {
      const pods = this.#podsOfPort.get(port) ?? new Set();
      this.#podsOfPort.set(port, pods.add(sandboxId));
    }
  }

  /** Returns the other pods that have requested one of its ports, the last ones first. */
  remove(sandboxId: string): readonly string[] {
    const others = new Set<string>();
    for (const port of this.#portsOfPod.get(sandboxId) ?? []) {
      const pods = this.#podsOfPort.get(port);
      pods?.delete(sandboxId);
      if (pods?.size === 0) this.#podsOfPort.delete(port);
      for (const other of pods ?? []) others.add(other);
    }
    this.#portsOfPod.delete(sandboxId);
    return [...others].toReversed();
  }
}

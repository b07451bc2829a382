import type { Container } from "../../manifests/index.ts";

/** How to reach a container. */
export type Target = {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
};

/** `undefined` is success; otherwise the failure. */
export type Outcome = string | undefined;

/** Throws for an unknown port name. */
export function portOf(port: number | string, { name, ports = [] }: Container): number {
  if (typeof port === "number") return port;
  const named = ports.find((one) => one.name === port)?.containerPort;
  if (named !== undefined) return named;
  throw new Error(`container ${name} has no port named ${JSON.stringify(port)}`);
}

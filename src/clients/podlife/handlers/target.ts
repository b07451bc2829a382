import type { Container } from "../../manifests/index.ts";

/** Where a container can be asked. */
export type Target = {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
};

/** `undefined` is success; else what went wrong. */
export type Outcome = string | undefined;

/** Throws for a name that the container has no port of. */
export function portOf(port: number | string, { name, ports = [] }: Container): number {
  if (typeof port === "number") return port;
  const named = ports.find((one) => one.name === port)?.containerPort;
  if (named !== undefined) return named;
  throw new Error(`container ${name} has no port named ${JSON.stringify(port)}`);
}

import { KeyValue } from "../../ground/protocol/index.ts";
import type { ServiceAddress } from "./context.ts";

/**
 * The environment variables for the services of a container's namespace
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables), including those
 * of Docker's links.
 */
export function serviceVariables(services: readonly ServiceAddress[]): readonly KeyValue[] {
  return services.flatMap((service) =>
    Object.entries(variablesOf(service)).map(([key, value]) =>
      KeyValue.fromPartial({ key, value: Buffer.from(value) }),
    ),
  );
}

function variablesOf({ name, address, ports }: ServiceAddress): Readonly<Record<string, string>> {
  const [first] = ports;
  if (first === undefined) return {};
  const prefix = variableName(name);
  const variables: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: address,
    [`${prefix}_SERVICE_PORT`]: String(first.port),
    [`${prefix}_PORT`]: linkTo(address, first),
  };
  for (const port of ports) {
    const { name: portName, protocol = "TCP" } = port;
    if (portName !== undefined && portName !== "")
      variables[`${prefix}_SERVICE_PORT_${variableName(portName)}`] = String(port.port);
    const link = `${prefix}_PORT_${port.port}_${protocol}`;
    variables[link] = linkTo(address, port);
    variables[`${link}_PROTO`] = protocol.toLowerCase();
    variables[`${link}_PORT`] = String(port.port);
    variables[`${link}_ADDR`] = address;
  }
  return variables;
}

function linkTo(address: string, { port, protocol = "TCP" }: ServiceAddress["ports"][number]): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `${protocol.toLowerCase()}://${host}:${port}`;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

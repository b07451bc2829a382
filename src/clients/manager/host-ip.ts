import { networkInterfaces } from "node:os";

/** An address of this machine, as others see it; IPv4 before IPv6. Undefined where it has none. */
export function hostIp(): string | undefined {
  const addresses = Object.values(networkInterfaces())
    .flat()
    .filter((one) => one !== undefined && !one.internal && !one.address.startsWith("fe80:"));
  return (addresses.find((one) => one?.family === "IPv4") ?? addresses[0])?.address;
}

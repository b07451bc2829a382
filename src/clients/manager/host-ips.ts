import { networkInterfaces } from "node:os";

/**
 * The external addresses of this machine, IPv4 and IPv6 of one interface, preferably one with IPv4. Empty if
 * there are none.
 */
export function hostIps(): readonly string[] {
  const links = Object.values(networkInterfaces()).map((list = []) => {
    const shared = list.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
    const of = (family: string) => shared.find((one) => one.family === family)?.address;
    return { ipv4: of("IPv4"), ipv6: of("IPv6") };
  });
  const found = links.find(({ ipv4 }) => ipv4 !== undefined) ?? links.find(({ ipv6 }) => ipv6 !== undefined);
  return [found?.ipv4, found?.ipv6].flatMap((ip) => ip ?? []);
}

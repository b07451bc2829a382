import { networkInterfaces } from "node:os";
import {
  formatNetwork,
  type IpNetwork,
  isWithin,
  networkAddress,
  parseIp,
  parseIpNetwork,
} from "../../services/network/index.ts";

/** With these prefix lengths and above, a subnet has no room for a pod beside the machine. */
const shortest = { 4: 31, 6: 127 };

/** A link of this machine that leads to pods, such as a bridge, and its subnet. */
export type PodLink = { readonly name: string; readonly subnet: IpNetwork };

/** The links whose subnets contain these addresses, except addresses of the machine itself. */
export function podLinks(addresses: Iterable<string>): readonly PodLink[] {
  const links = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list.flatMap(({ cidr, internal }) => {
      const network = parseIpNetwork(cidr);
      const isShared = network !== undefined && network.prefixLength < shortest[network.address.family];
      return !internal && isShared ? [{ name, network }] : [];
    }),
  );
  const pods = [...addresses].flatMap((text) => parseIp(text) ?? []);
  const found = links
    .filter(({ network }) =>
      pods.some((pod) => isWithin(pod, network) && pod.value !== network.address.value),
    )
    .map(({ name, network }) => ({
      name,
      subnet: { address: networkAddress(network), prefixLength: network.prefixLength },
    }));
  return [...new Map(found.map((link) => [`${link.name} ${formatNetwork(link.subnet)}`, link])).values()];
}

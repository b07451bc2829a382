import { isIP } from "node:net";

/** The address in "address/prefix length"; undefined if it is not valid. */
export function addressOf(cidr: string): string | undefined {
  const [address = "", prefix = "", ...rest] = cidr.split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const good = family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
  return good ? address : undefined;
}

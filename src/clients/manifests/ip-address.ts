import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { type Schema, string } from "./schema.ts";

/** An address in its canonical short form (RFC 5952), without a zone; IPv4 must not be written as IPv6. */
export function ipAddress(...words: readonly string[]): Schema<string> {
  return {
    read(value, place) {
      const read = string.read(value, place);
      if (read === undefined || words.includes(read)) return read;
      const named = words.filter((word) => word !== "").map((word) => `${word} or `);
      return canonical(read) ?? place.error(`${JSON.stringify(read)} must be ${named.join("")}an IP address`);
    },
  };
}

function canonical(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const { address } = new SocketAddress({ address: text, family: "ipv6" });
  return address.includes(".") ? undefined : address;
}

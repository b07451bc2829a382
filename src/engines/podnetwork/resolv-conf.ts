import type { DNSConfig } from "../../ground/protocol/index.ts";

/** resolv.conf(5) from a pod's DNS configuration; undefined if that is empty, and the host's applies. */
export function resolvConfOf(dns: DNSConfig | undefined): string | undefined {
  if (dns === undefined || dns.servers.length + dns.searches.length + dns.options.length === 0)
    return undefined;
  const line = (keyword: string, words: readonly string[]) =>
    words.length === 0 ? "" : `${keyword} ${words.join(" ")}\n`;
  const servers = dns.servers.map((server) => `nameserver ${server}\n`).join("");
  return line("search", dns.searches) + servers + line("options", dns.options);
}

import { isSameHost } from "./endpoint.ts";

/**
 * Whether a key of `auths` matches a host, by the kubelet's rules: `*` and `?` match characters within one
 * label of a name (`*.example.com`, `registry.*.example.com`), and never a port.
 */
export function isForHost(pattern: string, host: string): boolean {
  if (!isHostPattern(pattern)) return isSameHost(pattern, host);
  const [wanted, its] = [hostAndPort(pattern), hostAndPort(host)];
  return (
    wanted.port === its.port &&
    wanted.labels.length === its.labels.length &&
    wanted.labels.every((label, index) => matches(label, its.labels[index] ?? ""))
  );
}

export function isHostPattern(key: string): boolean {
  return key.includes("*") || key.includes("?");
}

function hostAndPort(host: string): { readonly labels: readonly string[]; readonly port: string } {
  const [name = "", port = ""] = host.split(":");
  return { labels: name.split("."), port };
}

/** Takes time proportional to the product of the lengths, because only the last star is retried. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star: { readonly pattern: number; readonly text: number } | undefined;
  for (let index = 0; index < text.length; ) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = { pattern: at++, text: index };
    } else if (wanted === "?" || wanted === text[index]) {
      at++;
      index++;
    } else if (star !== undefined) {
      star = { ...star, text: star.text + 1 };
      at = star.pattern + 1;
      index = star.text;
    } else return false;
  }
  return [...pattern.slice(at)].every((letter) => letter === "*");
}

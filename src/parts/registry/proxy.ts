import { BlockList, isIP } from "node:net";
import { isLoopback } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy through which to reach a URL; undefined for none. The rules are those of Go's programs (httpproxy
 * of golang.org/x/net), so that a node's settings mean the same to berth as to kubelet and containerd:
 * HTTP_PROXY applies only to http and HTTPS_PROXY only to https, loopback hosts are reached directly, and
 * NO_PROXY is a list, separated by commas, of `*`, addresses, networks (`10.0.0.0/8`), hosts with everything
 * below them (`example.com`) or only what is below them (`.example.com`), each except networks with an
 * optional port. Throws RegistryError InvalidArgument if the variable is not a URL.
 */
export function proxyFor(url: URL, environment: Environment = process.env): URL | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = variable(environment, name);
  if (proxy === "" || isLoopback(url.host) || isExcepted(url, variable(environment, "NO_PROXY")))
    return undefined;
  return parseProxy(proxy, name);
}

/** The value of a variable in upper or lower case; "" if it is not set. */
function variable(environment: Environment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || "";
}

function parseProxy(written: string, name: string): URL {
  const text = /^[a-z0-9]+:\/\//i.test(written) ? written : `http://${written}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "socks5h:") url.protocol = "socks5:";
  if (url !== undefined && ["http:", "https:", "socks5:"].includes(url.protocol)) return url;
  // The value is left out: it may contain a password.
  throw new RegistryError("InvalidArgument", `${name} in the daemon's environment is not the URL of a proxy`);
}

function isExcepted(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port !== "" ? url.port : url.protocol === "https:" ? "443" : "80";
  return list.split(/[,\s]+/).some((entry) => covers(entry.toLowerCase(), host, port));
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === "" || entry === "*") return entry === "*";
  const [, network = "", length = ""] = /^(.+)\/(\d+)$/.exec(entry) ?? [];
  if (isIP(network) !== 0) return isWithin(host, network, Number(length));
  const { name, port: only } = splitPort(entry);
  if (only !== undefined && only !== port) return false;
  if (isIP(name) !== 0) return isIP(host) !== 0 && isWithin(host, name, isIP(name) === 4 ? 32 : 128);
  if (name === "" || isIP(host) !== 0) return false;
  const below = name.replace(/^\*(?=\.)/, "");
  return below.startsWith(".") ? host.endsWith(below) : host === below || host.endsWith(`.${below}`);
}

function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  if (isIP(entry) !== 0) return { name: entry, port: undefined };
  const [, name = entry, port] = /^(.+):(\d+)$/.exec(entry) ?? [];
  return { name: name.replace(/^\[|\]$/g, ""), port };
}

function isWithin(host: string, network: string, prefixLength: number): boolean {
  const family = isIP(network) === 4 ? "ipv4" : "ipv6";
  if (isIP(host) !== isIP(network) || prefixLength > (family === "ipv4" ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefixLength, family);
  return list.check(host, family);
}

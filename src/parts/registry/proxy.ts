import { BlockList, isIP } from "node:net";
import { isLoopback } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy by which a URL is to be reached; undefined for none. The rules are those of Go's programs
 * (httpproxy of golang.org/x/net), so that a node's settings mean to berth what they mean to kubelet and
 * containerd: HTTP_PROXY is for http alone and HTTPS_PROXY for https, no proxy reaches a loopback host, and
 * NO_PROXY lists, apart by commas, `*`, addresses, networks (`10.0.0.0/8`), hosts with all below them
 * (`example.com`) or what is below them alone (`.example.com`), each but networks with a port if need be.
 * Throws RegistryError InvalidArgument when the variable holds no URL.
 */
export function proxyFor(url: URL, environment: Environment = process.env): URL | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = variable(environment, name);
  if (proxy === "" || isLoopback(url.host) || isExcepted(url, variable(environment, "NO_PROXY")))
    return undefined;
  return parseProxy(proxy, name);
}

/** Of both spellings of its name; the empty text when it is not set. */
function variable(environment: Environment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || "";
}

function parseProxy(written: string, name: string): URL {
  const text = /^[a-z0-9]+:\/\//i.test(written) ? written : `http://${written}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "socks5h:") url.protocol = "socks5:";
  if (url !== undefined && ["http:", "https:", "socks5:"].includes(url.protocol)) return url;
  // It may hold a password.
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

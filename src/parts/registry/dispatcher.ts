import { readFile } from "node:fs/promises";
import { createSecureContext, getCACertificates, type SecureContextOptions } from "node:tls";
import type { Dispatcher } from "undici";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { loadAgent, loadProxyAgent } from "./undici-parts.ts";

/**
 * Google's registries send more than Node's limit of 16 KiB, and signed URLs of stores are long; Go's limit
 * is 10 MiB.
 */
const maxHeaderSize = 1024 * 1024;

/**
 * Creates connections with the endpoint's TLS settings, and its client certificate only for its `own` host.
 * Uses the proxy if there is one: for https through a tunnel, for http by sending it the whole URL, since
 * many proxies allow tunnels only to port 443. Throws RegistryError.
 */
export async function makeDispatcher(
  endpoint: Endpoint,
  options: { readonly own: boolean; readonly plain: boolean; readonly proxy: URL | undefined },
): Promise<Dispatcher> {
  const { own, plain, proxy } = options;
  const connect = {
    timeout: endpoint.dialTimeoutMs,
    rejectUnauthorized: !endpoint.tls.skipVerify,
    ...(await secureContext(endpoint, own)),
  };
  const Agent = await loadAgent();
  if (proxy === undefined) return new Agent({ connect, maxHeaderSize });
  const { timeout } = connect;
  const token = authorization(proxy);
  if (plain && proxy.protocol !== "socks5:")
    return askingProxy(new Agent({ connect: { timeout }, maxHeaderSize }), proxy, token);
  const uri = withoutUser(proxy);
  const ProxyAgent = await loadProxyAgent();
  return new ProxyAgent({
    uri,
    ...(token === undefined ? {} : { token }),
    requestTls: connect,
    proxyTls: { timeout },
    maxHeaderSize,
  });
}

/** Sends every request to the proxy, with the target's URL in the request line (RFC 9112, absolute-form). */
function askingProxy(agent: Dispatcher, proxy: URL, token: string | undefined): Dispatcher {
  return agent.compose((dispatch) => (request, handler) => {
    const origin = new URL(request.origin ?? "");
    const headers = {
      ...(request.headers as Readonly<Record<string, string | string[]>>),
      host: origin.host,
      ...(token === undefined ? {} : { "proxy-authorization": token }),
    };
    return dispatch(
      { ...request, origin: proxy.origin, path: `${origin.origin}${request.path}`, headers },
      handler,
    );
  });
}

function authorization({ username, password }: URL): string | undefined {
  if (username === "") return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** SOCKS has no headers: its user stays in the URL. */
function withoutUser(proxy: URL): string {
  if (proxy.protocol === "socks5:") return proxy.href;
  return proxy.origin;
}

/** A separate context is created only for the endpoint's own certificates: loading the CA store is slow. */
async function secureContext(endpoint: Endpoint, own: boolean): Promise<object> {
  const { caFiles, clientPairs } = endpoint.tls;
  const pairs = own ? clientPairs : [];
  if (caFiles.length === 0 && pairs.length === 0) return {};
  const read = async (file: string): Promise<string> => {
    try {
      return await readFile(file, "utf8");
    } catch (cause) {
      throw new RegistryError("InvalidArgument", `${endpoint.host}: reading the certificate or key ${file}`, {
        cause,
      });
    }
  };
  const options: SecureContextOptions = {};
  if (caFiles.length > 0)
    options.ca = [...getCACertificates("default"), ...(await Promise.all(caFiles.map(read)))];
  if (pairs.length > 0) {
    options.cert = await Promise.all(pairs.map(([certificate]) => read(certificate)));
    options.key = await Promise.all(pairs.map(([certificate, key]) => read(key ?? certificate)));
  }
  try {
    return { secureContext: createSecureContext(options) };
  } catch (cause) {
    const files = [...caFiles, ...pairs.flat()].join(", ");
    throw new RegistryError("InvalidArgument", `${endpoint.host}: no valid certificate and key in ${files}`, {
      cause,
    });
  }
}

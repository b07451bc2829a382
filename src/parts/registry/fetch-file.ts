import { readBounded } from "./bounded.ts";
import { endpointOfUrl } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { discard, type Transport } from "./transport.ts";

/**
 * A file of a web server that is no registry, without anything that is ours sent to it; undefined where it
 * has none (404). Throws RegistryError: ResourceExhausted for one that is larger than `maxBytes`,
 * Unavailable, DeadlineExceeded, Canceled.
 */
export async function fetchFile(
  transport: Transport,
  url: URL,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const endpoint = endpointOfUrl(url);
  const response = await transport.send({ method: "GET", url, endpoint, headers: {}, signal });
  if (response.status === 200) return await readBounded(response, maxBytes, url.pathname);
  discard(response);
  if (response.status === 404) return undefined;
  throw new RegistryError("Unavailable", `${url.host}: answered ${response.status} for ${url.pathname}`, {
    status: response.status,
  });
}

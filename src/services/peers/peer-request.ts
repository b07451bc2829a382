import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { messageOf } from "../../ground/errors/index.ts";
import { blobsPath, isLoopback, type Peer, type PeerAccess, PeerError, type WantedBlob } from "./peer.ts";

/** How long to wait for a peer's response, and so how long unreachable peers may delay a pull. */
const longestAnswerMs = 1000;

/** A peer does not have the blob, or is busy. */
export class PeerRefusal extends PeerError {}

/**
 * Sends a request for a blob; the response has its size. Throws PeerRefusal, PeerError, and the signal's
 * reason. A peer gets nothing but the digest and this node's credentials for peers.
 */
export async function ask(
  peer: Peer,
  access: PeerAccess,
  method: "GET" | "HEAD",
  { digest, size }: WantedBlob,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { ca, identity, token, serverName, timeoutMs } = access;
  if (ca === undefined && !isLoopback(peer.address))
    throw new PeerError("FailedPrecondition", "needs ca_file: without TLS only loopback addresses are asked");
  const late = AbortSignal.timeout(Math.min(timeoutMs, longestAnswerMs));
  const options = {
    host: peer.address,
    port: peer.port,
    path: blobsPath + digest,
    method,
    agent: false,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  } as const;
  const name = serverName ?? peer.name;
  const request =
    ca === undefined
      ? requestHttp(options)
      : requestHttps({
          ...options,
          ca,
          minVersion: "TLSv1.3",
          // An IP address is compared with those in the certificate.
          ...(isIP(name) === 0 ? { servername: name } : {}),
          ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
        });
  const destroy = (): void => void request.destroy();
  signal.addEventListener("abort", destroy, { once: true });
  late.addEventListener("abort", destroy, { once: true });
  try {
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    // From here on, an error of the request is also one of the response.
    request.on("error", () => undefined);
    response.once("close", () => signal.removeEventListener("abort", destroy));
    return checked(response, size);
  } catch (error) {
    signal.removeEventListener("abort", destroy);
    request.on("error", () => undefined);
    request.destroy();
    signal.throwIfAborted();
    if (error instanceof PeerError) throw error;
    if (late.aborted) throw new PeerError("Unavailable", "did not answer in time");
    throw new PeerError("Unavailable", `cannot be asked: ${messageOf(error)}`);
  } finally {
    late.removeEventListener("abort", destroy);
  }
}

function checked(response: IncomingMessage, size: number): IncomingMessage {
  const { statusCode = 0, headers } = response;
  const announced = Number(headers["content-length"]);
  if (statusCode === 404 || statusCode === 503)
    throw new PeerRefusal("Unavailable", statusCode === 404 ? "does not have it" : "is busy");
  if (statusCode !== 200) throw new PeerError("Unavailable", `answered ${statusCode}`);
  if (announced !== size) throw new PeerError("DataLoss", `has ${announced} bytes, not ${size}`);
  return response;
}

import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { StreamClientError, unreachable } from "./errors.ts";

/** PEM texts. */
export type ClientTls = {
  /** Instead of the machine's CAs. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name to expect in the server's certificate instead of the URL's host. */
  readonly serverName?: string;
};

/** An upgraded connection, and what the server chose. */
export type UpgradedSocket = { readonly socket: Duplex; readonly protocol: string };

/**
 * Upgrades a connection to SPDY/3.1, offering `protocols` in order of preference. Throws StreamClientError:
 * Unavailable (no connection), FailedPrecondition (the server refuses, with its text).
 */
export async function upgradeToSpdy(
  url: URL,
  protocols: readonly string[],
  { tls, signal }: { readonly tls: ClientTls | undefined; readonly signal: AbortSignal | undefined },
): Promise<UpgradedSocket> {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "SPDY/3.1",
    "X-Stream-Protocol-Version": protocols.join(", "),
  };
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: "POST",
      headers,
      // No agent: the connection is ours from now on.
      agent: false,
      ...(signal !== undefined && { signal }),
      ...tlsOptions(tls),
    });
    outgoing.on("upgrade", (response, socket, head) => {
      // Whoever uses the socket sees its close; nobody has to listen for the error lest the process end.
      socket.on("error", () => {});
      if (head.length > 0) socket.unshift(head);
      resolve({ socket, protocol: String(response.headers["x-stream-protocol-version"] ?? "") });
    });
    outgoing.on("response", (response) => void refusal(response).then(reject));
    outgoing.on("error", (cause) => reject(unreachable(url, cause)));
    outgoing.end();
  });
}

/** Options of Node's TLS. */
export function tlsOptions(tls: ClientTls | undefined): Readonly<Record<string, string>> {
  if (tls === undefined) return {};
  const { serverName, ...rest } = tls;
  return { ...rest, ...(serverName !== undefined && { servername: serverName }) };
}

/** What a server says that does not upgrade. */
export async function refusal(response: IncomingMessage): Promise<StreamClientError> {
  let text = "";
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > MAX_REFUSAL_CHARS) break;
    }
  } catch {
    // The status alone says enough.
  }
  const detail = text.trim().slice(0, MAX_REFUSAL_CHARS);
  return new StreamClientError(
    "FailedPrecondition",
    `the streaming server answered ${response.statusCode}${detail === "" ? "" : `: ${detail}`}`,
  );
}

const MAX_REFUSAL_CHARS = 1_000;

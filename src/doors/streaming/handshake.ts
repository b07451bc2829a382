import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  choose,
  PORT_FORWARD_PROTOCOL,
  spdyRemoteCommandProtocols,
  webSocketPortForwardProtocols,
  webSocketRemoteCommandProtocols,
} from "../../ground/remotecommand/index.ts";
import type { StreamingRequest } from "./requests.ts";

/** An HTTP response that rejects the request. */
export type Refusal = {
  readonly status: 400 | 403 | 404 | 405 | 503;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** The parsed path. */
export type Target = { readonly kind: StreamingRequest["kind"]; readonly token: string };

/** The negotiated protocol; "" for a WebSocket client that offers no subprotocol. */
export type Upgrade = { readonly transport: "spdy" | "websocket"; readonly protocol: string };

/** Parses method and path. */
export function parseTarget(request: IncomingMessage): Target | Refusal {
  if (request.method !== "GET" && request.method !== "POST") {
    return { status: 405, message: "only GET and POST are supported here", headers: { Allow: "GET, POST" } };
  }
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const [, kind, token] = /^\/(exec|attach|portforward)\/([A-Za-z0-9_-]{22})$/.exec(path) ?? [];
  if (token === undefined || (kind !== "exec" && kind !== "attach" && kind !== "portforward"))
    return notFound;
  return { kind, token };
}

/** Also for unknown, used and expired tokens, which clients must not be able to distinguish. */
export const notFound: Refusal = {
  status: 404,
  message: "no such streaming request; its URL may have been used or expired",
};

/** Negotiates the protocol from the request's headers. */
export function negotiate(request: IncomingMessage, kind: StreamingRequest["kind"]): Upgrade | Refusal {
  const upgrade = (request.headers.upgrade ?? "").toLowerCase();
  const isUpgrade = /\bupgrade\b/i.test(request.headers.connection ?? "");
  if (isUpgrade && upgrade === "websocket") return negotiateWebSocket(request, kind);
  if (isUpgrade && upgrade.split(/,\s*/).includes("spdy/3.1")) return negotiateSpdy(request, kind);
  return {
    status: 400,
    message: "this needs a connection upgraded to SPDY/3.1 or websocket",
    headers: { Upgrade: "SPDY/3.1, websocket" },
  };
}

function negotiateSpdy(request: IncomingMessage, kind: StreamingRequest["kind"]): Upgrade | Refusal {
  const known = kind === "portforward" ? new Map([[PORT_FORWARD_PROTOCOL, 1]]) : spdyRemoteCommandProtocols;
  const offered = listOf(request.headers["x-stream-protocol-version"]);
  if (offered.length === 0)
    return { status: 400, message: "the header X-Stream-Protocol-Version is missing" };
  const protocol = choose(offered, known);
  if (protocol !== undefined) return { transport: "spdy", protocol };
  const accepted = [...known.keys()].join(", ");
  return {
    status: 403,
    message: `no common protocol: the client offers ${offered.join(", ")}, the server supports ${accepted}`,
    headers: { "X-Accepted-Stream-Protocol-Versions": accepted },
  };
}

function negotiateWebSocket(request: IncomingMessage, kind: StreamingRequest["kind"]): Upgrade | Refusal {
  if (request.method !== "GET")
    return { status: 405, message: "WebSocket begins with GET", headers: { Allow: "GET" } };
  const known = kind === "portforward" ? webSocketPortForwardProtocols : webSocketRemoteCommandProtocols;
  const offered = listOf(request.headers["sec-websocket-protocol"]);
  const protocol = choose(offered.length === 0 ? [""] : offered, known);
  if (protocol !== undefined) return { transport: "websocket", protocol };
  const accepted = [...known.keys()].filter((name) => name !== "").join(", ");
  return {
    status: 403,
    message: `no common subprotocol: the client offers ${offered.join(", ")}, the server supports ${accepted}`,
  };
}

function listOf(header: string | readonly string[] | undefined): readonly string[] {
  const text = typeof header === "string" ? header : (header ?? []).join(",");
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Rejects an upgrade request, and closes the connection. */
export function refuse(socket: Duplex, { status, message, headers = {} }: Refusal): void {
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

const REASONS = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  503: "Service Unavailable",
} as const;

/** Tells the client that SPDY begins. */
export function acceptSpdy(socket: Duplex, protocol: string): void {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
}

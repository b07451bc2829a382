import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { SpdySession } from "../../../ground/remotecommand/index.ts";

/** What a server answered to an upgrade request that it refused. */
export type Answer = {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
};

/** Sends a request and returns the answer, which must be no upgrade. */
export async function ask(
  url: URL,
  method = "GET",
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const outgoing = request(url, { method, headers, agent: false }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text, headers: response.headers };
}

export const spdyHeaders = (protocol: string) => ({
  Connection: "Upgrade",
  Upgrade: "SPDY/3.1",
  "X-Stream-Protocol-Version": protocol,
});

export const webSocketHeaders = (protocol: string) => ({
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol": protocol,
});

/** An upgraded socket, to write on it what a client should not. */
export async function upgrade(url: URL, headers: Readonly<Record<string, string>>): Promise<Socket> {
  const outgoing = request(url, { method: "GET", headers, agent: false }).end();
  const [, socket, head] = (await once(outgoing, "upgrade")) as [IncomingMessage, Socket, Buffer];
  socket.on("error", () => {});
  if (head.length > 0) socket.unshift(head);
  return socket;
}

/** A SPDY session as a client has it after the upgrade. */
export async function spdyClient(url: URL, protocol: string): Promise<SpdySession> {
  return new SpdySession(await upgrade(url, spdyHeaders(protocol)), { role: "client" });
}

export type WebSocketClient = {
  readonly ws: WebSocket;
  /** All messages so far. */
  readonly messages: Buffer[];
  /** Resolves with the code of the close. */
  readonly closed: Promise<number>;
};

/** A bare WebSocket client; subprotocol "" offers none. */
export async function webSocketClient(url: URL, protocol: string): Promise<WebSocketClient> {
  const ws = new WebSocket(url.href.replace("http", "ws"), protocol === "" ? [] : [protocol]);
  const messages: Buffer[] = [];
  ws.on("message", (data: Buffer) => messages.push(data));
  ws.on("error", () => {});
  const closed = once(ws, "close").then(([code]) => Number(code));
  await Promise.race([once(ws, "open"), closed]);
  return { ws, messages, closed };
}

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, isIP } from "node:net";
import { readIfThere } from "../../../ground/fs/index.ts";
import { framed, MessageReader } from "./tcp-messages.ts";

const triesOfServer = 2;
const answerMs = 2_500;

/** The machine's current name servers. */
export async function machineServers(): Promise<readonly string[]> {
  const text = (await readIfThere("/etc/resolv.conf")) ?? "";
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([keyword]) => keyword === "nameserver")
    .flatMap(([, address = ""]) => (isIP(address) === 0 ? [] : [address]));
}

/** The unchanged first answer of the machine's servers. Throws the last error. */
export async function forward(
  query: Buffer,
  servers: readonly string[],
  transport: "udp" | "tcp",
  signal: AbortSignal,
): Promise<Buffer> {
  let failure: unknown = new Error("this machine has no name server");
  for (let round = 0; round < triesOfServer; round++) {
    for (const server of servers) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
      try {
        return await (transport === "udp" ? askUdp(query, server, limit) : askTcp(query, server, limit));
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
  }
  throw failure;
}

/** Each query uses its own random port, connected to the server, so that others cannot forge an answer. */
async function askUdp(query: Buffer, server: string, signal: AbortSignal): Promise<Buffer> {
  const socket = createSocket(isIP(server) === 6 ? "udp6" : "udp4");
  try {
    socket.connect(53, server);
    await once(socket, "connect", { signal });
    socket.send(query);
    for (;;) {
      const [answer] = (await once(socket, "message", { signal })) as [Buffer];
      if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) return answer;
    }
  } finally {
    socket.close();
  }
}

async function askTcp(query: Buffer, server: string, signal: AbortSignal): Promise<Buffer> {
  const socket = connect({ port: 53, host: server, signal });
  try {
    await once(socket, "connect", { signal });
    socket.write(framed(query));
    const reader = new MessageReader();
    for await (const chunk of socket) for (const message of reader.push(chunk as Buffer)) return message;
    throw new Error(`${server} closed the connection`);
  } finally {
    socket.destroy();
  }
}

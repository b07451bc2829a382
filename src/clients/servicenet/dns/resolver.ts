import { randomInt } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { messageOf } from "../../../ground/errors/index.ts";
import { raceAbort } from "../../../ground/sync/index.ts";
import { formatIp, type IpAddress } from "../../../services/network/index.ts";
import type { Service } from "../service.ts";
import { answerOf, isOwn } from "./answer.ts";
import { forward, machineServers } from "./forward.ts";
import { framed, MessageReader } from "./tcp-messages.ts";

const port = 53;
/** Maximum size of a datagram without EDNS (RFC 1035, section 4.2.1). */
const plainUdpBytes = 512;
/** Maximum number of waiting questions. */
const mostWaiting = 1000;
const idleMs = 30_000;
const mostConnections = 1000;
/** Maximum size of answers that a client has not read. */
const mostUntakenBytes = 1024 * 1024;
/** Error codes in the lowest four bits of a header's flags. */
const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4 };

/** A DNS server over UDP and TCP at one address of this machine. */
export class Resolver implements AsyncDisposable {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #closing = new AbortController();
  readonly #failed: (error: unknown) => void;
  readonly #told = Promise.withResolvers<void>();
  #isTold = false;
  #services: readonly Service[] = [];
  #waitingCount = 0;

  private constructor(udp: UdpSocket, tcp: Server, onProblem: (message: string) => void) {
    this.#udp = udp;
    this.#tcp = tcp;
    const failed = (error: unknown) => onProblem(`the resolver of services: ${messageOf(error)}`);
    this.#failed = failed;
    udp.on("message", (query, from) => {
      // Port 0 means that no answer is wanted (RFC 768).
      if (from.port === 0) return;
      this.#answer(query, "udp")
        .then((answer) => {
          if (answer !== undefined && !this.#closing.signal.aborted)
            udp.send(answer, from.port, from.address);
        })
        .catch(failed);
    });
    tcp.maxConnections = mostConnections;
    udp.on("error", failed);
    tcp.on("error", failed);
    tcp.on("connection", (socket) => this.#serve(socket));
  }

  /** Starts listening. Throws the errors of listening. */
  static async open(ip: IpAddress, onProblem: (message: string) => void): Promise<Resolver> {
    const address = formatIp(ip);
    const udp = createSocket(`udp${ip.family}`);
    const tcp = createServer();
    try {
      udp.bind(port, address);
      await once(udp, "listening");
      tcp.listen(port, address);
      await once(tcp, "listening");
    } catch (error) {
      tcp.close();
      udp.close();
      throw error;
    }
    return new Resolver(udp, tcp, onProblem);
  }

  /**
   * Sets the services. Questions about services wait for the first call: otherwise, existing names would be
   * denied.
   */
  setServices(services: readonly Service[]): void {
    this.#services = services;
    this.#isTold = true;
    this.#told.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the resolver is stopping"));
    for (const connection of this.#connections) connection.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, "close");
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    const reader = new MessageReader();
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (chunk) => {
      for (const query of reader.push(Buffer.from(chunk)))
        this.#answer(query, "tcp")
          .then((answer) => {
            if (answer === undefined || socket.destroyed) return;
            socket.write(framed(answer));
            if (socket.writableLength > mostUntakenBytes) socket.destroy();
          })
          .catch(this.#failed);
    });
  }

  /** The answer to a query; undefined if it is not a question. */
  async #answer(query: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const packet = read(query);
    const [question] = packet?.questions ?? [];
    if (packet === undefined || packet.type === "response" || question === undefined) return undefined;
    if (isOwn(question.name)) {
      if (!(await this.#untilTold())) return undefined;
      const answer = answerOf(question, this.#services);
      const [alias] = answer.answers ?? [];
      const more =
        alias?.type === "CNAME" ? await this.#addressesOf(alias.data, question.type, transport) : [];
      const answers = [...(answer.answers ?? []), ...more];
      return respond(packet, { ...answer, answers, flags: AUTHORITATIVE_ANSWER }, transport);
    }
    // The client gets the error that the machine's own programs would get.
    return (await this.#forward(query, transport)) ?? respond(packet, { rcode: "SERVFAIL" }, transport);
  }

  /** The addresses of an alias, since most clients do not look up the other name themselves. */
  async #addressesOf(
    name: string,
    type: Question["type"],
    transport: "udp" | "tcp",
  ): Promise<readonly Answer[]> {
    if (type !== "A" && type !== "AAAA") return [];
    const question: Question = { name, type };
    if (isOwn(name)) return answerOf(question, this.#services).answers ?? [];
    const query = encode({
      type: "query",
      id: randomInt(65_536),
      flags: RECURSION_DESIRED,
      questions: [question],
    });
    const answer = await this.#forward(query, transport);
    return (answer && read(answer))?.answers ?? [];
  }

  /** Forwards a query; undefined if none of the machine's servers answers. */
  async #forward(query: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    return await this.#waiting(async (signal) => forward(query, await machineServers(), transport, signal));
  }

  async #untilTold(): Promise<boolean> {
    if (this.#isTold) return true;
    await this.#waiting((signal) => raceAbort(this.#told.promise, signal));
    return this.#isTold;
  }

  /** Limits the number of waiting queries; undefined if too many wait, or on failure. */
  async #waiting<T>(answer: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    if (this.#waitingCount >= mostWaiting) return undefined;
    this.#waitingCount++;
    try {
      return await answer(this.#closing.signal);
    } catch {
      return undefined;
    } finally {
      this.#waitingCount--;
    }
  }
}

function read(query: Buffer): Packet | undefined {
  try {
    return decode(query);
  } catch {
    return undefined;
  }
}

type Reply = Partial<Omit<Packet, "rcode">> & { readonly rcode?: keyof typeof rcodes };

function respond(
  query: Packet,
  { rcode = "NOERROR", flags = 0, ...records }: Reply,
  transport: "udp" | "tcp",
): Buffer {
  const head: Packet = {
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: flags | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED) | rcodes[rcode],
    questions: query.questions ?? [],
  };
  const whole = encode({ ...head, ...records });
  if (transport === "tcp" || whole.length <= mostBytes(query)) return whole;
  return encode({ ...head, flags: (head.flags ?? 0) | TRUNCATED_RESPONSE });
}

function mostBytes({ additionals = [] }: Packet): number {
  const edns = additionals.find((record) => record.type === "OPT");
  return edns !== undefined && "udpPayloadSize" in edns
    ? Math.max(plainUdpBytes, edns.udpPayloadSize)
    : plainUdpBytes;
}

import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { Socket } from "node:net";
import type { Worker } from "node:worker_threads";
import { startThread, threadFile } from "../../threads/index.ts";
import { LinuxError } from "../linux-error.ts";
import { makePipe } from "./pipe.ts";
import { Terminal } from "./terminal.ts";
import { connectSeqPacket, listenOnce, streamPair } from "./unix-sockets.ts";

/** Orders for the poll thread, which takes ownership of the descriptors. */
export type PollOrder =
  | RelayOrder
  /** Receive a terminal from the first client that connects to a listening socket. */
  | { readonly kind: "receive"; readonly id: number; readonly listenFd: number }
  /** Stop receiving, and close the listening socket. */
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "end" };

/**
 * Copy between a descriptor that Node's sockets do not support and a stream socket, until one of them is
 * closed.
 */
export type RelayOrder = {
  readonly kind: "relay";
  readonly deviceFd: number;
  readonly device: RelayedDevice;
  readonly streamFd: number;
};

/**
 * - `packets`: a SOCK_SEQPACKET socket. On the stream each packet that comes from it stands behind its length
 *   (32 bits, big-endian); what goes to it is cut into packets as it comes.
 * - `terminal`: the master of a pseudo-terminal, bytes both ways.
 */
export type RelayedDevice = "packets" | "terminal";

/** The received terminal (a descriptor), or undefined if the connection brought none. */
export type PollAnswer = { readonly id: number; readonly terminalFd: number | undefined };

type Running = { readonly worker: Worker; readonly wakeFd: number; readonly closed: Promise<unknown> };

/**
 * A console socket that waits for an OCI runtime. Disposing of it removes the socket; a terminal that was
 * received stays.
 */
export type ConsoleSocket = AsyncDisposable & {
  /**
   * The terminal that the runtime creates; the caller must dispose of it. Rejects with LinuxError if none is
   * received.
   */
  readonly terminal: Promise<Terminal>;
};

/**
 * A worker thread for descriptors that Node's own sockets do not support: packet sockets and terminals. It
 * copies between each of them and a stream socket, so that they are ordinary streams with back-pressure on
 * the main thread. One thread serves all; it starts with the first, and uses no CPU time while nothing is
 * copied.
 */
export class PollThread implements AsyncDisposable {
  readonly #receiving = new Map<number, PromiseWithResolvers<Terminal>>();
  readonly #sockets = new Set<Socket>();
  #running: Running | undefined;
  #lastId = 0;

  /**
   * Connects to a SOCK_SEQPACKET socket. On the returned stream, each received packet follows its length (see
   * {@link readPackets}); bytes written to the stream are sent in packets of at most 8 KiB, and ending the
   * stream ends the input of the socket's peer. Throws LinuxError, and ThreadError if the thread cannot be
   * started.
   */
  connectPackets(path: string): Socket {
    this.#running ??= this.#start();
    return this.#relay("packets", connectSeqPacket(path));
  }

  /**
   * Listens at a path, in a directory that only the runtime and berth can enter. Throws LinuxError and
   * ThreadError.
   */
  consoleSocket(path: string): ConsoleSocket {
    this.#running ??= this.#start();
    const id = ++this.#lastId;
    const received = Promise.withResolvers<Terminal>();
    this.#receiving.set(id, received);
    this.#order({ kind: "receive", id, listenFd: listenOnce(path) });
    // A caller that gives up before the terminal arrives need not wait for it.
    received.promise.catch(() => undefined);
    return {
      terminal: received.promise,
      [Symbol.asyncDispose]: async () => {
        if (this.#receiving.delete(id)) {
          this.#order({ kind: "cancel", id });
          received.reject(new LinuxError("accept", "ECANCELED", path));
        }
        await unlink(path);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#order({ kind: "end" });
    await running.closed;
  }

  #relay(device: RelayedDevice, deviceFd: number): Socket {
    const [fd, streamFd] = streamPair();
    const socket = new Socket({ fd, allowHalfOpen: true });
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    this.#order({ kind: "relay", device, deviceFd, streamFd });
    return socket;
  }

  #order(order: PollOrder): void {
    this.#running ??= this.#start();
    this.#running.worker.postMessage(order);
    writeSync(this.#running.wakeFd, "!");
  }

  #start(): Running {
    const wake = makePipe();
    const close = (): void => {
      closeSync(wake.readFd);
      closeSync(wake.writeFd);
    };
    let worker: Worker;
    try {
      const workerData = { wakeFd: wake.readFd };
      worker = startThread(threadFile(import.meta.url, "./poll-worker"), { name: "poll", workerData });
    } catch (error) {
      close();
      throw error;
    }
    const running = { worker, wakeFd: wake.writeFd, closed: once(worker, "exit") };
    // A process that exits waits for its threads, and this one would keep sleeping.
    const end = () => this.#order({ kind: "end" });
    process.once("exit", end);
    worker.on("message", (answer: PollAnswer) => this.#take(answer));
    worker.on("error", (cause) => this.#lose(cause));
    worker.once("exit", () => {
      process.off("exit", end);
      close();
      this.#running = undefined;
      this.#lose(undefined);
    });
    return running;
  }

  #take({ id, terminalFd }: PollAnswer): void {
    const waiting = this.#receiving.get(id);
    this.#receiving.delete(id);
    if (terminalFd === undefined) {
      waiting?.reject(new LinuxError("recvmsg", "EPROTO", "console socket: no terminal was received"));
      return;
    }
    const terminal = new Terminal(terminalFd, (fd) => this.#relay("terminal", fd));
    if (waiting === undefined) terminal[Symbol.dispose]();
    else waiting.resolve(terminal);
  }

  /** The thread has ended, and its descriptors are lost. */
  #lose(cause: unknown): void {
    const error = new LinuxError("poll", "EIO", "poll thread", { cause });
    for (const { reject } of this.#receiving.values()) reject(error);
    this.#receiving.clear();
    for (const socket of this.#sockets) socket.destroy(cause === undefined ? undefined : error);
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../../../engines/engine/index.ts";
import type { AttachRequest, ExecRequest, StreamIo, StreamingEngine, TerminalSize } from "../engine.ts";

/**
 * An engine whose containers are this machine: exec starts a process here, attach gives the stdin back as the
 * output, and port-forward connects to this machine's ports. For tests.
 */
export class ProcessEngine implements StreamingEngine {
  /** Processes that run now. */
  readonly running = new Set<ChildProcess>();
  readonly sizes: TerminalSize[] = [];
  /** Signals of the calls so far. */
  readonly signals: AbortSignal[] = [];
  forwarding = 0;

  async exec({ args }: ExecRequest, io: StreamIo, signal: AbortSignal): Promise<{ exitCode: number }> {
    this.signals.push(signal);
    void this.#followSizes(io);
    const [command = "", ...rest] = args;
    const child = spawn(command, rest, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
    this.running.add(child);
    const kill = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    try {
      await once(child, "spawn");
      const exited = once(child, "exit");
      const output = [copy(child.stdout, io.stdout), copy(child.stderr, io.stderr)];
      if (io.stdin === undefined) child.stdin.end();
      else void pipeline(io.stdin, child.stdin).catch(() => {});
      const [code, signalName] = await exited;
      await Promise.all(output);
      return { exitCode: signalName === null ? code : 137 };
    } catch (error) {
      throw new EngineError("Internal", `start ${JSON.stringify(command)}`, { cause: error });
    } finally {
      signal.removeEventListener("abort", kill);
      this.running.delete(child);
    }
  }

  async attach(_request: AttachRequest, io: StreamIo, signal: AbortSignal): Promise<void> {
    this.signals.push(signal);
    void this.#followSizes(io);
    if (io.stdin !== undefined && io.stdout !== undefined)
      await pipeline(io.stdin, io.stdout, { end: false, signal });
  }

  async portForward(
    _sandboxId: string,
    port: number,
    connection: Duplex,
    signal: AbortSignal,
  ): Promise<void> {
    this.signals.push(signal);
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    try {
      await once(socket, "connect", { signal });
    } catch (error) {
      socket.destroy();
      throw new EngineError("Unavailable", `connect to port ${port}`, { cause: error });
    }
    this.forwarding++;
    const both = [pipeline(connection, socket, { signal }), pipeline(socket, connection, { signal })];
    const outcomes = await Promise.allSettled(both);
    if (outcomes.some(({ status }) => status === "rejected")) connection.destroy();
    socket.destroy();
    this.forwarding--;
  }

  async #followSizes(io: StreamIo): Promise<void> {
    for await (const size of io.resize) this.sizes.push(size);
  }
}

async function copy(output: NodeJS.ReadableStream, to: NodeJS.WritableStream | undefined): Promise<void> {
  if (to === undefined) output.resume();
  // A client that is gone has its process killed; what it did not take is lost with it.
  else await pipeline(output, to, { end: false }).catch(() => {});
}

import type { PollThread } from "../../../ground/linux/index.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { CommandIo } from "../tasks.ts";
import type { ExecIo } from "./exec-io.ts";
import { FifoIo } from "./fifo-io.ts";
import { FifoTerminal } from "./fifo-terminal.ts";
import { PipeIo } from "./pipe-io.ts";
import { TerminalIo } from "./terminal-io.ts";

/** Throws RuntimeError InvalidArgument for what is no FIFO. */
export async function openExecIo(
  io: CommandIo,
  {
    pollThread,
    streamOwner,
  }: { readonly pollThread: PollThread; readonly streamOwner: StreamOwner | undefined },
): Promise<ExecIo> {
  if (io.kind === "streams") return io.terminal ? new TerminalIo(pollThread, io) : new PipeIo(io);
  return io.terminal ? FifoTerminal.open(pollThread, io) : FifoIo.open(io, streamOwner);
}

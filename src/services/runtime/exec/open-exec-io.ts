import type { PollThread } from "../../../ground/linux/index.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { CommandIo } from "../tasks.ts";
import { ClientIo } from "./client-io.ts";
import { ClientTerminal } from "./client-terminal.ts";
import type { ExecIo } from "./exec-io.ts";
import { PipeIo } from "./pipe-io.ts";
import { TerminalIo } from "./terminal-io.ts";

/** Throws RuntimeError InvalidArgument for streams of a client that cannot be used. */
export async function openExecIo(
  io: CommandIo,
  {
    pollThread,
    streamOwner,
  }: { readonly pollThread: PollThread; readonly streamOwner: StreamOwner | undefined },
): Promise<ExecIo> {
  if (io.kind === "streams") return io.terminal ? new TerminalIo(pollThread, io) : new PipeIo(io);
  return io.terminal ? ClientTerminal.open(pollThread, io) : ClientIo.open(io, streamOwner);
}

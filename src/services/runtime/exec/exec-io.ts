import type { StdioChoice, Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import type { TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";

export type ExecStdio = readonly [stdin: StdioChoice, stdout: StdioChoice, stderr: StdioChoice];

/**
 * The standard streams of one command, from before its start to its deletion. Disposing drops further output.
 */
export interface ExecIo extends AsyncDisposable {
  /** Adapts the command to these streams. */
  adapt(process: OciProcess): OciProcess;
  /** Called before the OCI runtime is started; returns the runtime's own streams. */
  prepare(files: ExecFiles): ExecStdio | Promise<ExecStdio>;
  /** Called once it is running. */
  connect(runtime: Subprocess): void;
  /**
   * How much was received on stderr, and the beginning of it: if the command did not run, the OCI runtime's
   * own message.
   */
  stderr(): { readonly bytes: number; readonly text: string };
  /** See Process; called once, after the end. `ran`: whether the command was running. */
  outputEnded(ran: boolean, signal: AbortSignal): Promise<void>;
  closeStdin(): void;
  /** Undefined without a terminal. */
  readonly resize: ((size: TerminalSize) => void) | undefined;
}

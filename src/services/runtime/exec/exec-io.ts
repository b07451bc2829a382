import type { StdioChoice, Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import type { TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";

export type ExecStdio = readonly [stdin: StdioChoice, stdout: StdioChoice, stderr: StdioChoice];

/**
 * The standard streams of one command, from before its start to its deletion. Disposing of it gives up what
 * is still to come.
 */
export interface ExecIo extends AsyncDisposable {
  /** The command as these streams need it. */
  adapt(process: OciProcess): OciProcess;
  /** Called before the OCI runtime is started, and says what that has as its own streams. */
  prepare(files: ExecFiles): ExecStdio | Promise<ExecStdio>;
  /** Called once it runs. */
  connect(runtime: Subprocess): void;
  /**
   * How much has come on stderr, and the beginning of it: where there is no command, the OCI runtime's own
   * words.
   */
  stderr(): { readonly bytes: number; readonly text: string };
  /** See Process; called once, after the end. `ran` says that there was a command. */
  outputEnded(ran: boolean, signal: AbortSignal): Promise<void>;
  closeStdin(): void;
  /** Undefined without a terminal. */
  readonly resize: ((size: TerminalSize) => void) | undefined;
}

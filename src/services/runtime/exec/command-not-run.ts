import type { CommandStatus } from "../../../ground/errors/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/** The program does not exist or cannot be executed. */
export class CommandNotRun extends RuntimeError {
  /** The OCI runtime's own message. */
  readonly words: string;

  constructor(what: string, words: string, commandStatus: CommandStatus) {
    super("Internal", `${what}: ${words}`, { commandStatus });
    this.words = words;
  }
}

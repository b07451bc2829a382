import type { CommandStatus } from "../../../ground/errors/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/** There is no such program, or it cannot be executed. */
export class CommandNotRun extends RuntimeError {
  /** The OCI runtime's own, without what was being done. */
  readonly words: string;

  constructor(what: string, words: string, commandStatus: CommandStatus) {
    super("Internal", `${what}: ${words}`, { commandStatus });
    this.words = words;
  }
}

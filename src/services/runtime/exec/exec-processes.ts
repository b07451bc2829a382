import { RuntimeError } from "../runtime-error.ts";
import { ExecProcess, type ExecProcessOptions } from "./exec-process.ts";

/** The commands of one task by their ids. */
export class ExecProcesses {
  readonly #byId = new Map<string, ExecProcess>();

  /** Throws RuntimeError AlreadyExists. */
  add(options: ExecProcessOptions): ExecProcess {
    const { id, context } = options;
    this.checkFree(id, context.containerId);
    const process = new ExecProcess({ ...options, onDelete: () => this.#byId.delete(id) });
    this.#byId.set(id, process);
    return process;
  }

  /** Throws RuntimeError AlreadyExists. */
  checkFree(id: string, containerId: string): void {
    if (!this.#byId.has(id)) return;
    throw new RuntimeError(
      "AlreadyExists",
      `container ${containerId} already has a process ${id}; delete it, or use another id`,
    );
  }

  find(id: string): ExecProcess | undefined {
    return this.#byId.get(id);
  }

  all(): readonly ExecProcess[] {
    return [...this.#byId.values()];
  }

  /** Ends and forgets all. */
  async deleteAll(): Promise<void> {
    await Promise.all(this.all().map((process) => process.end()));
  }
}

import type { Task } from "../../../services/runtime/index.ts";

/** The known tasks, by container id. A container without one was never started, or its task was deleted. */
export class TaskTable {
  readonly #tasks = new Map<string, Task>();

  get(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  /** In the order in which they were created, or found again after a restart. */
  list(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  add(task: Task): void {
    this.#tasks.set(task.id, task);
  }

  remove(id: string): void {
    this.#tasks.delete(id);
  }
}

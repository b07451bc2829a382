import { constants, openSync } from "node:fs";
import { enterNamespace, namespaceFile, namespaceKinds } from "./namespace-calls.ts";
import type { ThreadNamespace } from "./pod-namespaces.ts";

/** The thread could not be brought back to the host's namespaces: it must not do anything more. */
export class StrandedError extends Error {}

/** The namespaces of a thread at this object's creation, to which it always returns. */
export class HostNamespaces {
  readonly #fds: ReadonlyMap<ThreadNamespace, number>;

  constructor() {
    this.#fds = new Map(
      namespaceKinds.map(
        (kind) => [kind, openSync(namespaceFile("thread-self", kind), constants.O_RDONLY)] as const,
      ),
    );
  }

  /**
   * Runs `work`, which may move the calling thread to other namespaces, then returns to its own. Throws
   * {@link StrandedError} if it cannot.
   */
  comeBackAfter<Result>(work: () => Result): Result {
    try {
      return work();
    } finally {
      this.#comeBack();
    }
  }

  #comeBack(): void {
    try {
      for (const [kind, fd] of this.#fds) enterNamespace(fd, kind);
    } catch (cause) {
      throw new StrandedError("the thread cannot return to the host's namespaces", { cause });
    }
  }
}

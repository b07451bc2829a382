import { EngineError } from "../engine/index.ts";
import { BerthError, messageOf } from "../errors/index.ts";
import type { Logger } from "../logging/index.ts";

/**
 * One step of making a sandbox or a container. What is being made is recorded, with everything that the undos need,
 * before the first step runs; so a daemon that was cut anywhere undoes every step, in reverse, when it comes back.
 */
export type Step<T> = {
  /** The name by which logs and fault tests know the step. */
  readonly name: string;
  readonly run: (subject: T) => Promise<void>;
  /** Takes back what `run` did, wholly, partly or not at all: it must be safe at any time and more than once. */
  readonly undo: (subject: T) => Promise<void>;
};

/** Called before each step; a test makes it throw to cut a sequence at a name. */
export type StepObserver = (step: string) => void;

/** Runs the steps in order. When one fails, it and those before it are undone, and its error is thrown. */
export async function runSteps<T>(
  steps: readonly Step<T>[],
  subject: T,
  observer: StepObserver,
  logger: Logger,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const startedAt = performance.now();
    try {
      observer(step.name);
      await step.run(subject);
    } catch (error) {
      logger.warn({ step: step.name, err: error }, "step failed, undoing");
      await undoSteps(steps.slice(0, index + 1), subject, error);
      throw error;
    }
    logger.debug({ step: step.name, ms: Math.round((performance.now() - startedAt) * 10) / 10 }, "step done");
  }
}

/** Thrown when taking back failed too: something is left, and its record must stay so that a later removal finds it. */
export class UndoError extends EngineError {
  constructor(failures: readonly unknown[], cause: unknown) {
    const code = cause instanceof BerthError ? cause.code : "Internal";
    const why = cause === undefined ? "" : `${messageOf(cause)}; `;
    super(
      code,
      `${why}taking it down failed, removing it tries again: ${failures.map(messageOf).join("; ")}`,
      { cause },
    );
  }
}

/** Undoes all steps in reverse, each even when another's undo failed. Throws {@link UndoError} with what failed; `cause` is why it was undone. */
export async function undoSteps<T>(steps: readonly Step<T>[], subject: T, cause?: unknown): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    await step.undo(subject).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new UndoError(failures, cause);
}

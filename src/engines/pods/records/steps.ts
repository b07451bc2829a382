import { codeOf, messageOf } from "../../../ground/errors/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { EngineError } from "../../engine/index.ts";

/**
 * One step of making a sandbox or a container. What is being made is recorded, with everything that the undos
 * need, before the first step runs; so a daemon that was cut anywhere undoes every step, in reverse, when it
 * comes back.
 */
export type Step<T> = {
  /** The name by which logs and fault tests know the step. */
  readonly name: string;
  readonly run: (subject: T) => Promise<void>;
  /** It is begun together with the step before it, and waits itself for what it needs of that. */
  readonly withPrevious?: true;
  /**
   * Takes back what `run` did, wholly, partly or not at all: it must be safe at any time and more than once.
   * Left out by steps that leave nothing but the record.
   */
  readonly undo?: (subject: T) => Promise<void>;
};

/**
 * Called with a step's name before it runs, and with `undo NAME` before it is taken back. A test cuts there,
 * by throwing or by ending the process.
 */
export type StepObserver = (step: string) => void;

/** What steps run with. */
export type StepContext = { readonly observer: StepObserver; readonly logger: Logger };

/**
 * Runs the steps in order. When one fails, it and those before it are undone, with those that were begun
 * together with it once they have ended, and its error is thrown.
 */
export async function runSteps<T>(
  steps: readonly Step<T>[],
  subject: T,
  context: StepContext,
): Promise<void> {
  for (let begun = 0; begun < steps.length; ) {
    const rest = steps.slice(begun);
    const next = rest.findIndex(({ withPrevious }, index) => index > 0 && withPrevious !== true);
    const together = next === -1 ? rest : rest.slice(0, next);
    begun += together.length;
    const outcomes = await Promise.allSettled(together.map((step) => runStep(step, subject, context)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed === undefined) continue;
    await undoSteps(steps.slice(0, begun), subject, context.observer, failed.reason);
    throw failed.reason;
  }
}

async function runStep<T>(
  { name: step, run }: Step<T>,
  subject: T,
  { observer, logger }: StepContext,
): Promise<void> {
  const startedAt = performance.now();
  try {
    observer(step);
    await run(subject);
  } catch (err) {
    logger.warn({ step, err }, "step failed, undoing");
    throw err;
  }
  logger.debug({ step, ms: Math.round((performance.now() - startedAt) * 10) / 10 }, "step done");
}

/**
 * Thrown when taking back failed too: something is left, and its record must stay so that a later removal
 * finds it.
 */
export class UndoError extends EngineError {
  constructor(step: string, failure: unknown, cause: unknown) {
    const codes = [cause, failure].map(codeOf);
    const code = codes.find((each) => each !== "Internal") ?? "Internal";
    const why = cause === undefined ? "" : `${messageOf(cause)}; `;
    // The message says the cause already, and whoever shows an error adds its causes to its message.
    super(code, `${why}teardown failed at ${step}; removing it will retry: ${messageOf(failure)}`);
  }
}

/**
 * Undoes the steps in reverse. Each stands on those before it (CNI plugins take a network down inside the
 * namespaces that an earlier step made), so it ends at the first that fails, with {@link UndoError}; `cause`
 * is why it was undone.
 */
export async function undoSteps<T>(
  steps: readonly Step<T>[],
  subject: T,
  observer: StepObserver,
  cause?: unknown,
): Promise<void> {
  for (const { name, undo } of steps.toReversed()) {
    if (undo === undefined) continue;
    try {
      observer(`undo ${name}`);
      await undo(subject);
    } catch (error) {
      throw new UndoError(name, error, cause);
    }
  }
}

/**
 * Undoes what a test has made: all steps in their order, whatever fails. Failures are printed, and fail the
 * test's file by its exit code. Thrown out of an `await using`, they would hide the test's own error:
 * node:test shows neither of the two that a SuppressedError has.
 */
export async function cleanUp(what: string, ...steps: readonly (() => unknown)[]): Promise<void> {
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      console.error(`cleaning up ${what} failed:`, error);
      process.exitCode = 1;
    }
  }
}

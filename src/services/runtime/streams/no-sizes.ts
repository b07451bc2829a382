import type { TaskIo } from "../tasks.ts";

/** Of what has no terminal, or is told its sizes in another way. */
export const noSizes: TaskIo["resize"] = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

import { type Check, refuse } from "./check.ts";

/** Of the parts of messages that are for Windows containers. */
export const noWindows: Check<object | undefined> = (value, path) => {
  if (value !== undefined) refuse(path, "must not be set: this runtime runs Linux containers");
};

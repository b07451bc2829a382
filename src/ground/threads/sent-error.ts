import { BerthError, codeOf, type ErrorCode, messageOf } from "../errors/index.ts";

/** An error on its way between threads, which would lose its class and its fields there. */
export type SentError = {
  /** Of the class; empty for an error that is none of ours. */
  readonly name: string;
  readonly code: ErrorCode;
  /** With those of its causes. */
  readonly message: string;
  /** What the class says beyond that, such as the number of a system call's error. */
  readonly fields: Readonly<Record<string, unknown>>;
};

/** A subclass of BerthError, whatever its constructor takes. */
export type ErrorClass = { readonly name: string; readonly prototype: BerthError };

/** What is posted of whatever was thrown. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof BerthError))
    return { name: "", code: codeOf(error), message: messageOf(error), fields: {} };
  const { name, code, ...fields } = error;
  return { name, code, message: messageOf(error), fields };
}

/** The error again: of that one of `classes` that it had, of the first if it had none of them. */
export function receivedError(
  { name, code, message, fields }: SentError,
  ...classes: readonly [ErrorClass, ...ErrorClass[]]
): BerthError {
  const found = classes.find((each) => each.name === name) ?? classes[0];
  // Constructors differ, and what they made of their arguments is here already.
  return Object.assign(Object.setPrototypeOf(new BerthError(code, message), found.prototype), fields, {
    name: found.name,
  });
}

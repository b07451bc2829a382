import { BerthError, codeOf, type ErrorCode, messageOf } from "../errors/index.ts";

/** An error in a form that can be sent between threads, where it would lose its class and fields. */
export type SentError = {
  /** Name of the class; empty for an error that is not ours. */
  readonly name: string;
  readonly code: ErrorCode;
  /** With those of its causes. */
  readonly message: string;
  /** Further fields of the class, such as the errno of a system call. */
  readonly fields: Readonly<Record<string, unknown>>;
};

/** A subclass of BerthError, whatever its constructor takes. */
export type ErrorClass = { readonly name: string; readonly prototype: BerthError };

/** The form of anything thrown that is sent. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof BerthError))
    return { name: "", code: codeOf(error), message: messageOf(error), fields: {} };
  const { name, code, ...fields } = error;
  return { name, code, message: messageOf(error), fields };
}

/** Restores the error: with its class if that is one of `classes`, otherwise with the first of them. */
export function receivedError(
  { name, code, message, fields }: SentError,
  ...classes: readonly [ErrorClass, ...ErrorClass[]]
): BerthError {
  const found = classes.find((each) => each.name === name) ?? classes[0];
  // Constructors take different arguments, and the fields that they set are already here.
  return Object.assign(Object.setPrototypeOf(new BerthError(code, message), found.prototype), fields, {
    name: found.name,
  });
}

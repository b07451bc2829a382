import { message, type Shape, withoutNul } from "./check.ts";

/** A message in which some fields are known to be set. */
export type WithSet<T, K extends keyof T> = T & { readonly [F in K]-?: NonNullable<T[F]> };

/**
 * Returns the request if it is acceptable; throws CriError InvalidArgument, whose message begins with the
 * field's path, otherwise.
 */
export type RequestCheck<Request, Checked extends Request> = (request: Request) => Checked;

/** The check of a whole request. `Set` names the fields that the shape demands to be `present`. */
export function request<Request extends object, Set extends keyof Request = never>(
  shape: Shape<Request>,
): RequestCheck<Request, WithSet<Request, Set>> {
  const check = message(shape);
  return (value) => {
    withoutNul(value);
    check(value, "");
    return value as WithSet<Request, Set>;
  };
}

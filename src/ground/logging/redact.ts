/** Keys whose values are credentials in the protocols berth speaks. */
const secretKeys: ReadonlySet<string> = new Set([
  "auth",
  "authorization",
  "Authorization",
  "cookie",
  "credentials",
  "identityToken",
  "identity_token",
  "password",
  "registryToken",
  "registry_token",
  "token",
]);

const censor = "[redacted]";

type Fields = Record<string, unknown>;

/**
 * A value that may be logged: without the values of {@link secretKeys} in an object and in nested ones, down
 * to `levels` levels. Returns the value itself if there are none, as for nearly all lines: pino's own
 * `redact` copies the objects of each line for each of its paths, which was a third of all garbage.
 */
export function redact<T>(value: T, levels = 3): T {
  // A value with toJSON, such as a Buffer, is not searched for keys.
  if (levels === 0 || typeof value !== "object" || value === null || "toJSON" in value) return value;
  let copy: Fields | undefined;
  for (const [key, inner] of Object.entries(value)) {
    const logged: unknown = secretKeys.has(key) ? censor : redact(inner, levels - 1);
    if (logged === inner) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Fields;
    copy[key] = logged;
  }
  return (copy as T | undefined) ?? value;
}

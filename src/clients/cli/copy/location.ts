import { usageError } from "../errors.ts";

/** One side of a copy. */
export type Location =
  | { readonly kind: "container"; readonly name: string; readonly path: string }
  | { readonly kind: "local"; readonly path: string }
  /** A tar archive on our standard input or output. */
  | { readonly kind: "archive" };

/**
 * Parses `CONTAINER:PATH`, `-`, or a local path: one that contains a colon must begin with `/` or `.`. Throws
 * CliError.
 */
export function parseLocation(text: string): Location {
  if (text === "-") return { kind: "archive" };
  const colon = text.indexOf(":");
  if (text === "" || colon === text.length - 1) throw usageError(`${JSON.stringify(text)} has no path`);
  if (colon === -1 || /^[./]/.test(text)) return { kind: "local", path: text };
  if (colon === 0) throw usageError(`${JSON.stringify(text)} has no container name before the colon`);
  return { kind: "container", name: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** What to copy: a file or directory under its own name, or the contents of a directory. */
export type Source = { readonly directory: string; readonly name: string | undefined };

/**
 * Parsed as by `docker cp`: `PATH/.` means the contents of the directory; a trailing slash has no meaning.
 */
export function parseSource(path: string): Source {
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  const last = trimmed.slice(slash + 1);
  if (last === "" || last === "." || last === "..") return { directory: path, name: undefined };
  return { directory: slash === -1 ? "." : trimmed.slice(0, slash + 1), name: last };
}

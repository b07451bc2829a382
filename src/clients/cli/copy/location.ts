import { usageError } from "../errors.ts";

/** One side of a copy. */
export type Location =
  | { readonly kind: "container"; readonly name: string; readonly path: string }
  | { readonly kind: "local"; readonly path: string }
  /** A tar archive on our standard input or output. */
  | { readonly kind: "archive" };

/**
 * `CONTAINER:PATH`, `-`, or a path of this machine: one with a colon in it begins with `/` or `.`. Throws
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

/** What of a path is copied: the file or directory under its own name, or what is in a directory. */
export type Source = { readonly directory: string; readonly name: string | undefined };

/** As `docker cp` reads it: `PATH/.` means what is in the directory, and a slash at the end says nothing. */
export function parseSource(path: string): Source {
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  const last = trimmed.slice(slash + 1);
  if (last === "" || last === "." || last === "..") return { directory: path, name: undefined };
  return { directory: slash === -1 ? "." : trimmed.slice(0, slash + 1), name: last };
}

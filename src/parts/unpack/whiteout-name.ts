import { invalid } from "./unpack-error.ts";

/** The meaning of an entry's name, by AUFS's convention, which layer.md adopted. */
export type Meaning =
  | { readonly kind: "entry" }
  | { readonly kind: "whiteout"; readonly hides: string }
  | { readonly kind: "opaque" }
  /** AUFS's own files (`.wh..wh.plnk`, ...), which no engine unpacks. */
  | { readonly kind: "metadata" };

const prefix = ".wh.";
const metadataPrefix = ".wh..wh.";
const opaqueName = ".wh..wh..opq";

/**
 * Throws UnpackError InvalidArgument for a whiteout of an empty name, of `.` or of `..`, and for entries
 * below a whiteout.
 */
export function meaningOf(components: readonly string[]): Meaning {
  const name = components.at(-1) ?? "";
  const above = components.slice(0, -1);
  if (above.some((component) => component.startsWith(metadataPrefix))) return { kind: "metadata" };
  if (above.some((component) => component.startsWith(prefix)))
    throw invalid("the path leads through a whiteout");
  if (name === opaqueName) return { kind: "opaque" };
  if (name.startsWith(metadataPrefix)) return { kind: "metadata" };
  if (!name.startsWith(prefix)) return { kind: "entry" };
  const hides = name.slice(prefix.length);
  if (hides === "" || hides === "." || hides === "..") throw invalid("the whiteout names no file");
  return { kind: "whiteout", hides };
}

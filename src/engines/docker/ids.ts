import { EngineError } from "../engine/index.ts";

/** Finds an object by id or unique prefix. Throws EngineError InvalidArgument if several match. */
export function findById<F extends { readonly id: string }>(
  all: readonly F[],
  kind: string,
  idOrPrefix: string,
): F | undefined {
  if (idOrPrefix === "") return undefined;
  const matches = all.filter(({ id }) => id.startsWith(idOrPrefix));
  if (matches.length < 2) return matches[0];
  throw new EngineError(
    "InvalidArgument",
    `${kind} id ${idOrPrefix} is ambiguous: it matches ${matches.length} ids; give more digits`,
  );
}

/** Like {@link findById}, but throws EngineError NotFound if none matches. */
export function getById<F extends { readonly id: string }>(
  all: readonly F[],
  kind: string,
  idOrPrefix: string,
): F {
  const found = findById(all, kind, idOrPrefix);
  if (found !== undefined) return found;
  throw new EngineError("NotFound", `${kind} ${JSON.stringify(idOrPrefix)} not found`);
}

import { CriClientError } from "./cri-client-error.ts";

/** Something with an id and names. `title` distinguishes it in a list. */
export type Candidate<T> = {
  readonly id: string;
  readonly names: readonly string[];
  readonly title: string;
  readonly value: T;
};

const maxListed = 10;

/**
 * The candidate that the text refers to: by id, otherwise by name, otherwise by a prefix of the id. Throws
 * CriClientError: NotFound for none, and for several an error that lists them. `kind` is used in messages.
 */
export function resolveOne<T>(text: string, candidates: readonly Candidate<T>[], kind: string): T {
  const matches = [
    () => candidates.filter(({ id }) => id === text || id === `sha256:${text}`),
    () => candidates.filter(({ names }) => names.includes(text)),
    () => candidates.filter(({ id }) => isPrefix(text, id)),
  ];
  for (const match of matches) {
    const [first, ...others] = match();
    if (first === undefined) continue;
    if (others.length === 0) return first.value;
    throw ambiguous(text, [first, ...others], kind);
  }
  throw new CriClientError("NotFound", `no such ${kind}: ${JSON.stringify(text)}`);
}

/** The algorithm alone does not count: every image id begins with it. */
function isPrefix(text: string, id: string): boolean {
  if (text === "" || text.endsWith(":")) return false;
  return text.includes(":") ? id.startsWith(text) : id.slice(id.indexOf(":") + 1).startsWith(text);
}

function ambiguous<T>(text: string, candidates: readonly Candidate<T>[], kind: string): CriClientError {
  const listed = candidates.slice(0, maxListed).map(({ id, title }) => `\n  ${id.slice(0, 20)}  ${title}`);
  const rest = candidates.length > maxListed ? `\n  and ${candidates.length - maxListed} more` : "";
  const message = `${JSON.stringify(text)} is ambiguous (${kind}, ${candidates.length} matches); give an id:${listed.join("")}${rest}`;
  return new CriClientError("FailedPrecondition", message);
}

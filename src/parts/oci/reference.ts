import { type Digest, OciFormatError, parseDigest } from "./digest.ts";

/**
 * A name of an image: registry host, repository, and a tag, a digest or both. Made only by
 * {@link parseReference}. The grammar is that of github.com/distribution/reference.
 */
export type Reference = {
  /** `docker.io`, `127.0.0.1:5000`. */
  readonly host: string;
  /** `library/busybox`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
};

const domain =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const repositoryPath = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[\w][\w.-]{0,127}$/;

/**
 * Parses a reference as people write it: `busybox` means `docker.io/library/busybox:latest`. Throws
 * {@link OciFormatError}, which quotes the text and says which part is wrong.
 */
export function parseReference(text: string): Reference {
  if (text.length > 512)
    throw new OciFormatError(`invalid image reference: ${text.length} characters, at most 512 are allowed`);
  const fail = (why: string): never => {
    throw new OciFormatError(`invalid image reference ${JSON.stringify(text)}: ${why}`);
  };
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text) ?? [];
  if (scheme !== undefined) fail(`a reference is not a URL: leave out ${JSON.stringify(scheme)}`);
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1));
  const { host, remainder } = splitHost(at === -1 ? text : text.slice(0, at));
  const colon = remainder.lastIndexOf(":");
  const path = colon === -1 ? remainder : remainder.slice(0, colon);
  const writtenTag = colon === -1 ? undefined : remainder.slice(colon + 1);
  const repository = host === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (!domain.test(host)) fail(`${JSON.stringify(host)} is not a registry host`);
  if (!repositoryPath.test(repository))
    fail(`${JSON.stringify(path)} is not a repository name (lower-case letters, digits and separators)`);
  if (repository.length > 255) fail("the repository name is longer than 255 characters");
  if (writtenTag !== undefined && !tagPattern.test(writtenTag))
    fail(`${JSON.stringify(writtenTag)} is not a tag`);
  return { host, repository, tag: writtenTag ?? (digest === undefined ? "latest" : undefined), digest };
}

/**
 * The first component is a host when it has a dot or a port, is `localhost`, or has upper-case letters, as
 * Docker decided.
 */
function splitHost(name: string): { host: string; remainder: string } {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  if (!isHost) return { host: "docker.io", remainder: name };
  const host = first === "index.docker.io" ? "docker.io" : first;
  return { host, remainder: name.slice(slash + 1) };
}

/** `host/repository`, without tag or digest. */
export function repositoryName(reference: Reference): string {
  return `${reference.host}/${reference.repository}`;
}

/** `host/repository:tag@digest`, with what there is. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

import { messageOf } from "../../ground/errors/index.ts";
import { parseReference, repositoryName } from "../oci/index.ts";
import { fieldsOf, stringAt, wrong } from "./strict-json.ts";

/** A name for comparison as in containers/image: no default tag is added. */
export type ImageIdentity = {
  /** `docker.io/library/busybox`. */
  readonly name: string;
  /** `:TAG`, `@DIGEST`, or both; "" for only a repository. */
  readonly version: string;
};

/** Throws OciFormatError. */
export function parseIdentity(text: string): ImageIdentity {
  const reference = parseReference(text);
  const { tag, digest } = reference;
  const isWritten = tag !== undefined && (digest !== undefined || text.endsWith(`:${tag}`));
  const version = `${isWritten ? `:${tag}` : ""}${digest === undefined ? "" : `@${digest}`}`;
  return { name: repositoryName(reference), version };
}

/**
 * The name that a signature must contain; containers-policy.json(5), "signedIdentity". `matchDigest` is
 * specific to berth: any name or none, since cosign's bundles have none.
 */
export type SignedIdentity =
  | { readonly kind: "matchDigest" }
  | { readonly kind: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { readonly kind: "exactReference" | "exactRepository"; readonly identity: ImageIdentity }
  | { readonly kind: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

/** Throws PolicyError FailedPrecondition. */
export function parseSignedIdentity(value: unknown, path: string): SignedIdentity {
  if (value === undefined) return { kind: "matchRepoDigestOrExact" };
  const known = ["type", "dockerReference", "dockerRepository", "prefix", "signedPrefix"] as const;
  const { type, ...rest } = fieldsOf(value, path, known);
  const only = (...keys: (keyof typeof rest)[]): void => {
    const other = Object.keys(rest).find((key) => !keys.some((each) => each === key));
    if (other !== undefined)
      throw wrong(`${path}: ${other} cannot be used with type ${JSON.stringify(type)}`);
  };
  switch (type) {
    case "matchDigest":
    case "matchExact":
    case "matchRepoDigestOrExact":
    case "matchRepository":
      only();
      return { kind: type };
    case "exactReference": {
      only("dockerReference");
      const identity = identityAt(rest.dockerReference, `${path}.dockerReference`);
      if (identity.version === "") throw wrong(`${path}.dockerReference: expected a tag or a digest`);
      return { kind: type, identity };
    }
    case "exactRepository":
      only("dockerRepository");
      return { kind: type, identity: identityAt(rest.dockerRepository, `${path}.dockerRepository`) };
    case "remapIdentity":
      only("prefix", "signedPrefix");
      return {
        kind: type,
        prefix: prefixAt(rest.prefix, `${path}.prefix`),
        signedPrefix: prefixAt(rest.signedPrefix, `${path}.signedPrefix`),
      };
    default:
      throw wrong(`${path}: unknown type ${JSON.stringify(type)}`);
  }
}

/** Whether a signature for the name `signed` is accepted for an image that was requested as `image`. */
export function matchesIdentity(
  rule: SignedIdentity,
  image: ImageIdentity,
  signed: ImageIdentity | undefined,
): boolean {
  if (rule.kind === "matchDigest") return true;
  if (signed === undefined) return false;
  switch (rule.kind) {
    case "matchExact":
      return image.version !== "" && isSame(image, signed);
    case "matchRepoDigestOrExact":
      return matchesRepoDigestOrExact(image, signed);
    case "matchRepository":
      return image.name === signed.name;
    case "exactReference":
      return isSame(rule.identity, signed);
    case "exactRepository":
      return rule.identity.name === signed.name;
    case "remapIdentity":
      return matchesRepoDigestOrExact(remapped(image, rule.prefix, rule.signedPrefix), signed);
  }
}

/** A signature for only a repository is neither an exact match nor one for the version of a digest. */
function matchesRepoDigestOrExact(image: ImageIdentity, signed: ImageIdentity): boolean {
  if (signed.version === "") return false;
  return image.version.startsWith("@") ? image.name === signed.name : isSame(image, signed);
}

function isSame(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.version !== "" && a.name === b.name && a.version === b.version;
}

/** Replaces a prefix: a host, a namespace or a repository. */
function remapped({ name, version }: ImageIdentity, prefix: string, signedPrefix: string): ImageIdentity {
  const isBelow = name === prefix || name.startsWith(`${prefix}/`);
  return { name: isBelow ? signedPrefix + name.slice(prefix.length) : name, version };
}

function identityAt(value: unknown, path: string): ImageIdentity {
  const text = stringAt(value, path);
  try {
    return parseIdentity(text);
  } catch (error) {
    throw wrong(`${path}: ${messageOf(error)}`);
  }
}

/** `host[:port]`, optionally with a path, as in complete references. */
function prefixAt(value: unknown, path: string): string {
  const text = stringAt(value, path);
  if (!/^[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9._/-]+)?$/.test(text) || text.endsWith("/"))
    throw wrong(
      `${path}: expected a host or a repository without tag and digest, not ${JSON.stringify(text)}`,
    );
  return text;
}

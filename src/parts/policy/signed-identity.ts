import { messageOf } from "../../ground/errors/index.ts";
import { parseReference, repositoryName } from "../oci/index.ts";
import { fieldsOf, stringAt, wrong } from "./strict-json.ts";

/** A name as containers/image compares them: nothing is added where neither tag nor digest is written. */
export type ImageIdentity = {
  /** `docker.io/library/busybox`. */
  readonly name: string;
  /** `:TAG`, `@DIGEST`, or both; empty for a repository alone. */
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
 * Which name a signature must give an image; containers-policy.json(5), "signedIdentity". `matchDigest` is
 * berth's own: any name or none, as cosign's bundles have none.
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

/** True if a signature that calls the image `signed` counts for one that was asked for as `image`. */
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

/** A signature of a repository alone is neither exact nor of the version that a digest stands for. */
function matchesRepoDigestOrExact(image: ImageIdentity, signed: ImageIdentity): boolean {
  if (signed.version === "") return false;
  return image.version.startsWith("@") ? image.name === signed.name : isSame(image, signed);
}

function isSame(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.version !== "" && a.name === b.name && a.version === b.version;
}

/** A host, a namespace or a repository in place of another. */
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

/** `host[:port]`, or that with a path behind it, as references have it when they are written in full. */
function prefixAt(value: unknown, path: string): string {
  const text = stringAt(value, path);
  if (!/^[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[a-z0-9._/-]+)?$/.test(text) || text.endsWith("/"))
    throw wrong(
      `${path}: expected a host or a repository without tag and digest, not ${JSON.stringify(text)}`,
    );
  return text;
}

import { readFile } from "node:fs/promises";
import { messageOf } from "../../ground/errors/index.ts";
import { type Reference, repositoryName } from "../oci/index.ts";
import { PolicyError } from "./policy-error.ts";
import { parseRequirement, type Requirement } from "./requirement.ts";
import { arrayAt, fieldsOf, objectAt, parseStrictJson } from "./strict-json.ts";

/** All of them must be met. */
export type Requirements = readonly Requirement[];

/** Which images may be used, by their source; containers-policy.json(5). */
export type Policy = {
  /** Its file, for messages. */
  readonly file: string;
  readonly default: Requirements;
  /** By transport (`docker`), then by scope. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, Requirements>>;
};

/** Reads a policy file. Throws PolicyError FailedPrecondition if it is missing or invalid. */
export async function readPolicy(file: string): Promise<Policy> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new PolicyError("FailedPrecondition", `cannot read the signature policy: ${messageOf(error)}`);
  }
  return parsePolicy(text, file);
}

/** `file` is its name in messages. Throws as {@link readPolicy} does. */
export function parsePolicy(text: string, file: string): Policy {
  const fields = fieldsOf(parseStrictJson(text, file), file, ["default", "transports"]);
  const transports =
    fields.transports === undefined ? {} : objectAt(fields.transports, `${file}: transports`);
  return {
    file,
    default: parseRequirements(fields.default, `${file}: default`),
    transports: new Map(
      Object.entries(transports).map(([transport, scopes]) => [
        transport,
        parseScopes(scopes, `${file}: transports.${transport}`),
      ]),
    ),
  };
}

function parseScopes(value: unknown, path: string): ReadonlyMap<string, Requirements> {
  return new Map(
    Object.entries(objectAt(value, path)).map(([scope, requirements]) => [
      scope,
      parseRequirements(requirements, `${path}[${JSON.stringify(scope)}]`),
    ]),
  );
}

function parseRequirements(value: unknown, path: string): Requirements {
  return arrayAt(value, path).map((each, index) => parseRequirement(each, `${path}[${index}]`));
}

/** The requirements of the most specific scope of an image from a registry; others do not count. */
export function requirementsFor(policy: Policy, reference: Reference): Requirements {
  return requirementsAt(policy, "docker", scopesOf(reference));
}

/** The requirements of the first of these scopes that the transport has, or else the default ones. */
export function requirementsAt(policy: Policy, transport: string, of: readonly string[]): Requirements {
  const scopes = policy.transports.get(transport);
  const scope = of.find((each) => scopes?.has(each));
  return (scope === undefined ? undefined : scopes?.get(scope)) ?? policy.default;
}

/**
 * The scopes of an image, the most specific first: itself, its repository and the prefixes of that up to the
 * host, `*.DOMAIN` for the host's domains, and the transport as a whole.
 */
export function scopesOf(reference: Reference): readonly string[] {
  const name = repositoryName(reference);
  const parts = name.split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  const labels = reference.host.replace(/:\d+$/, "").split(".");
  const domains = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
  const version = reference.digest === undefined ? `:${reference.tag}` : `@${reference.digest}`;
  return [name + version, ...paths, ...domains, ""];
}

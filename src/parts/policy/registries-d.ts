import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import type { Reference } from "../oci/index.ts";
import { scopesOf } from "./policy.ts";
import { fieldsOf, objectAt, stringAt, wrong } from "./strict-json.ts";

/** The places of the signatures of a registry's images; containers-registries.d(5). */
export type SignatureStorage = {
  /** The `https://`, `http://` or `file://` URL below which simple signatures are; undefined for none. */
  readonly lookaside: string | undefined;
  /** Whether to look for sigstore signatures beside the image in its registry. */
  readonly sigstoreAttachments: boolean;
};

/** The default place where podman, skopeo and others write signatures. */
const builtIn: SignatureStorage = {
  lookaside: "file:///var/lib/containers/sigstore",
  sigstoreAttachments: false,
};

/** The settings of one section of a file. */
type Section = Partial<SignatureStorage>;
type Namespaces = ReadonlyMap<string, Section>;

/**
 * The combined settings of the files `*.yaml` in a directory. A missing directory is the same as an empty
 * one.
 */
export class RegistriesD {
  readonly #default: Section;
  readonly #namespaces: Namespaces;

  private constructor(defaults: Section, namespaces: Namespaces) {
    this.#default = defaults;
    this.#namespaces = namespaces;
  }

  /**
   * Throws PolicyError FailedPrecondition for an invalid file, and for two files with settings for one scope.
   */
  static async read(directory: string): Promise<RegistriesD> {
    let defaults: Section | undefined;
    const namespaces = new Map<string, Section>();
    for (const file of await yamlFiles(directory)) {
      const fields = fieldsOf(await parseYaml(file), file, ["default-docker", "docker"]);
      if (fields["default-docker"] !== undefined) {
        if (defaults !== undefined) throw wrong(`${file}: default-docker is in another file too`);
        defaults = parseSection(fields["default-docker"], `${file}: default-docker`);
      }
      const docker = fields.docker ?? {};
      for (const [scope, storage] of Object.entries(objectAt(docker, `${file}: docker`))) {
        if (namespaces.has(scope)) throw wrong(`${file}: docker.${scope} is in another file too`);
        namespaces.set(scope, parseSection(storage, `${file}: docker.${scope}`));
      }
    }
    return new RegistriesD(defaults ?? {}, namespaces);
  }

  /**
   * Each of the two settings comes from the most specific scope of an image that has it, as in skopeo and
   * podman: a section with only attachments does not hide a lookaside.
   */
  storageOf(reference: Reference): SignatureStorage {
    const sections = scopesOf(reference).flatMap((scope) => this.#namespaces.get(scope) ?? []);
    return Object.assign({}, ...[...sections, this.#default, builtIn].toReversed());
  }
}

async function yamlFiles(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith(".yaml"))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw wrong(`cannot read ${directory}: ${messageOf(error)}`);
  }
}

async function parseYaml(file: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    // A file with only comments is empty.
    return parse(await readFile(file, "utf8")) ?? {};
  } catch (error) {
    throw wrong(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/** The names with `sigstore` are older names for the lookaside, and have nothing to do with sigstore. */
function parseSection(value: unknown, path: string): Section {
  const known = ["lookaside", "lookaside-staging", "sigstore", "sigstore-staging"] as const;
  const fields = fieldsOf(value, path, [...known, "use-sigstore-attachments"]);
  const attachments = fields["use-sigstore-attachments"] ?? undefined;
  if (attachments !== undefined && typeof attachments !== "boolean")
    throw wrong(`${path}.use-sigstore-attachments: expected true or false`);
  const lookaside = fields.lookaside ?? fields.sigstore;
  return {
    ...(lookaside == null ? {} : { lookaside: urlAt(lookaside, `${path}.lookaside`) }),
    ...(attachments === undefined ? {} : { sigstoreAttachments: attachments }),
  };
}

function urlAt(value: unknown, path: string): string {
  const text = stringAt(value, path);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.search === "" && url.hash === "";
  if (!isPlain || !["https:", "http:", "file:"].includes(url.protocol))
    throw wrong(`${path}: expected a URL of https, http or file, not ${JSON.stringify(text)}`);
  return text.replace(/\/$/, "");
}

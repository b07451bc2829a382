import { type Descriptor, digestAlgorithm, digestHex } from "../../../parts/oci/index.ts";
import { ImageError } from "../image-error.ts";

/** Limits of artifacts that are mounted. */
export type ArtifactLimits = {
  readonly maxFiles: number;
  /** Maximum size of all files together; 0 is no limit. */
  readonly maxBytes: number;
};

/** A file of an artifact and its path in the volume: names from the root on, none of them `.` or `..`. */
export type ArtifactFile = { readonly names: readonly string[]; readonly blob: Descriptor };

const titleKey = "org.opencontainers.image.title";
/** The kernel's NAME_MAX and PATH_MAX; the latter leaves room for the path of the volume. */
const maxNameBytes = 255;
const maxPathBytes = 3072;

/**
 * The files of an artifact: each blob under its title, which may be a path, or, without a title, under its
 * digest (`sha256-...`). Throws ImageError: InvalidArgument for a title that is not a path inside the volume,
 * or that two files share; FailedPrecondition for more files or bytes than the limits allow.
 */
export function artifactFiles(
  blobs: readonly Descriptor[],
  { maxFiles, maxBytes }: ArtifactLimits,
): readonly ArtifactFile[] {
  if (blobs.length > maxFiles)
    throw tooMuch(`${blobs.length} files`, `at most ${maxFiles}`, "images.artifact_max_files");
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  if (maxBytes > 0 && bytes > maxBytes)
    throw tooMuch(`${bytes} bytes`, `at most ${maxBytes}`, "images.artifact_max_bytes");
  const files = blobs.map((blob) => ({ names: namesOf(blob), blob }));
  refuseConflicts(files);
  return files;
}

function namesOf({ annotations = {}, digest }: Descriptor): readonly string[] {
  const title = annotations[titleKey];
  if (title === undefined || title === "") return [`${digestAlgorithm(digest)}-${digestHex(digest)}`];
  const refuse = (why: string) =>
    new ImageError(
      "InvalidArgument",
      `artifact: the title ${JSON.stringify(title.slice(0, 300))} of ${digest} cannot be a file's path: ${why}`,
    );
  if (title.includes("\0")) throw refuse("it has a zero byte");
  if (title.startsWith("/")) throw refuse("it is absolute");
  if (Buffer.byteLength(title) > maxPathBytes) throw refuse(`it has more than ${maxPathBytes} bytes`);
  const names = title.split("/").filter((name, index) => name !== "." || index > 0);
  for (const name of names) {
    if (name === "" || name === "." || name === "..")
      throw refuse(`${JSON.stringify(name)} is not a valid file name`);
    if (Buffer.byteLength(name) > maxNameBytes)
      throw refuse(`a name in it has more than ${maxNameBytes} bytes`);
  }
  if (names.length === 0) throw refuse("it names no file");
  return names;
}

/** Rejects two files of the same path, and a file where another one needs a directory. */
function refuseConflicts(files: readonly ArtifactFile[]): void {
  const directories = new Set<string>();
  for (const { names } of files) {
    for (let length = 1; length < names.length; length++) directories.add(names.slice(0, length).join("/"));
  }
  const taken = new Set<string>();
  for (const { names, blob } of files) {
    const path = names.join("/");
    if (taken.has(path) || directories.has(path))
      throw new ImageError(
        "InvalidArgument",
        `artifact: the title ${JSON.stringify(path)} of ${blob.digest} is also the title of another file`,
      );
    taken.add(path);
  }
}

function tooMuch(has: string, allowed: string, key: string): ImageError {
  return new ImageError(
    "FailedPrecondition",
    `artifact: it has ${has}, ${allowed} can be mounted; ${key} of the configuration sets the limit`,
  );
}

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { parseSpec } from "./parse-spec.ts";
import type { CdiSpec } from "./spec.ts";

/** One file of a directory: what it says, or why it is not taken. */
export type SpecFile = { readonly file: string } & (
  | { readonly spec: CdiSpec }
  | { readonly problem: string }
);

/** The specs of directories, read again where a file is another than before. */
export class SpecFiles {
  #known: ReadonlyMap<string, SpecFile> = new Map();

  /** Of each directory its files by name; one that is not there has none. */
  async read(directories: readonly string[]): Promise<readonly (readonly SpecFile[])[]> {
    const seen = new Map<string, SpecFile>();
    const all = await Promise.all(
      directories.map(async (directory) => {
        const files = await namesIn(directory);
        return Promise.all(files.map((file) => this.#file(file, seen)));
      }),
    );
    this.#known = seen;
    return all;
  }

  async #file(file: string, seen: Map<string, SpecFile>): Promise<SpecFile> {
    try {
      const { mtimeNs, ctimeNs, ino, size } = await stat(file, { bigint: true });
      const version = [file, mtimeNs, ctimeNs, ino, size].join(" ");
      const read = this.#known.get(version) ?? (await parsed(file));
      seen.set(version, read);
      return read;
    } catch (error) {
      return { file, problem: messageOf(error) };
    }
  }
}

async function parsed(file: string): Promise<SpecFile> {
  return readSpec(file).then(
    (spec) => ({ file, spec }),
    (error: unknown) => ({ file, problem: messageOf(error) }),
  );
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => /\.(?:json|yaml)$/.test(name))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** Reads one file, JSON or YAML by its name. Throws OciFormatError and Node's own errors. */
async function readSpec(file: string): Promise<CdiSpec> {
  const content = await readFile(file, "utf8");
  return parseSpec(file.endsWith(".json") ? JSON.parse(content) : await parseYaml(content), file);
}

/**
 * YAML 1.2, in which a file's mode would be decimal: Go's reader, for which vendors write, takes 0660 as
 * octal.
 */
async function parseYaml(content: string): Promise<unknown> {
  // Most machines have no such file.
  const { parse } = await import("yaml");
  const octal = {
    tag: "tag:yaml.org,2002:int",
    default: true,
    test: /^0[0-7]+$/,
    resolve: (digits: string) => Number.parseInt(digits, 8),
  };
  return parse(content, { customTags: (tags) => [octal, ...tags] });
}

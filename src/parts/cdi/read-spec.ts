import { readFile } from "node:fs/promises";
import { parseSpec } from "./parse-spec.ts";
import type { CdiSpec } from "./spec.ts";

/** Reads one file, JSON or YAML by its name. Throws OciFormatError and Node's own errors. */
export async function readSpec(file: string): Promise<CdiSpec> {
  const content = await readFile(file, "utf8");
  return parseSpec(file.endsWith(".json") ? JSON.parse(content) : await parseYaml(content), file);
}

/** YAML 1.2, in which a file's mode would be decimal: Go's reader, for which vendors write, takes 0660 as octal. */
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

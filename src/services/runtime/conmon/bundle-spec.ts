import { readFile } from "node:fs/promises";
import { codeOf } from "../../../ground/errors/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { parseSpecJson } from "../spec/spec-json.ts";
import type { OciSpec } from "../spec/types.ts";
import type { TaskFiles } from "./task-files.ts";

/**
 * The specification in a bundle. Throws RuntimeError: DataLoss when it is damaged, of a task that runs, only
 * that is lost; ResourceExhausted when the daemon has no descriptor or memory left to read it.
 */
export async function readBundleSpec({ config }: Pick<TaskFiles, "config">): Promise<OciSpec> {
  try {
    return parseSpecJson<OciSpec>(await readFile(config, "utf8"));
  } catch (cause) {
    if (codeOf(cause) === "ResourceExhausted")
      throw new RuntimeError("ResourceExhausted", `cannot read ${config} now`, { cause });
    throw new RuntimeError("DataLoss", `cannot read ${config}; stop the container and recreate it`, {
      cause,
    });
  }
}

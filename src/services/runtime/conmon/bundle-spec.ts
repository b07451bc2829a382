import { readFile } from "node:fs/promises";
import { RuntimeError } from "../runtime-error.ts";
import { parseSpecJson } from "../spec/spec-json.ts";
import type { OciSpec } from "../spec/types.ts";
import type { TaskFiles } from "./task-files.ts";

/** The specification in a bundle. Throws RuntimeError DataLoss when it cannot be read: of a task that runs, only that is lost. */
export async function readBundleSpec({ config }: Pick<TaskFiles, "config">): Promise<OciSpec> {
  try {
    return parseSpecJson<OciSpec>(await readFile(config, "utf8"));
  } catch (cause) {
    throw new RuntimeError("DataLoss", `cannot read ${config}; stop the container and recreate it`, {
      cause,
    });
  }
}

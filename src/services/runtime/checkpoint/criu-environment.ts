import { dirname } from "node:path";
import { runtimeEnvironment } from "../oci-runtime/oci-runtime.ts";

/** OCI runtimes look for criu by its name: the directory of ours comes first. */
export function criuEnvironment(criuPath: string): Readonly<Record<string, string>> {
  return { ...runtimeEnvironment, PATH: `${dirname(criuPath)}:${runtimeEnvironment.PATH}` };
}

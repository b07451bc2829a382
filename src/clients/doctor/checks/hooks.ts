import { findUnusableHooks } from "../../../services/runtime/index.ts";
import { type Check, ok, warn } from "../check.ts";

const title = "OCI hooks";

/**
 * Are the files in the hooks' directories valid? With an invalid one, containers may be rejected or lack a
 * hook.
 */
export const hooksCheck: Check = {
  name: "hooks",
  async run({ config: { container } }) {
    const files = await findUnusableHooks(container.hooksDirs);
    if (files.length === 0) return [ok(title, "all files are valid")];
    const remedy =
      container.unusableHooks === "refuse"
        ? "correct or remove the file: until then, containers that it may apply to cannot be created"
        : "correct or remove the file: until then, containers run without this hook";
    return files.map(({ path, problem }) => warn(title, `${path}: ${problem}`, remedy));
  },
};

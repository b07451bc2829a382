import { findHostsProblems } from "../../../parts/registry/index.ts";
import { type Check, ok, warn } from "../check.ts";

const title = "hosts.toml";

/** Can the files be used that say how registries are reached? */
export const registryHostsCheck: Check = {
  name: "registry-hosts",
  async run({ config: { images } }) {
    const files = await findHostsProblems(images.certsDirs);
    if (files.length === 0) return [ok(title, "all files are valid")];
    return files.map(({ path, problem }) => warn(title, `${path}: ${problem}`, "correct the file"));
  },
};

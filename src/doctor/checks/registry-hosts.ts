import { findHostsProblems } from "../../registry/index.ts";
import { type Check, ok, warn } from "../check.ts";

const title = "hosts.toml";

/** Can the files be used that say how registries are reached? */
export const registryHostsCheck: Check = {
  name: "registry-hosts",
  async run({ config: { images } }) {
    const problems = await findHostsProblems(images.certsDirs);
    if (problems.length === 0) return [ok(title, "every file can be used")];
    return problems.map(({ file, problem, refused }) =>
      warn(
        title,
        `${file}: ${problem}`,
        refused ? "correct it: every pull from that registry is refused" : "correct or remove the key",
      ),
    );
  },
};

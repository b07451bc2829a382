import { messageOf } from "../../../ground/errors/index.ts";
import { type Check, type Finding, ok, warn } from "../check.ts";
import { criuOf, handlersOf } from "./runtimes.ts";

const title = "checkpoint and restore";

/** Can containers be checkpointed? Pods also run without. */
export const checkpointsCheck: Check = {
  name: "checkpoints",
  async run({ config }) {
    const { path, version, usability } = await criuOf(config);
    if (usability.kind === "unusable") return [warn(title, usability.reason, usability.remedy)];
    const names = await handlersOf(config).then(
      ({ handlers }) => handlers.filter(({ features }) => features.checkpoint).map(({ name }) => name),
      messageOf,
    );
    return [byHandlers(names, `criu ${version} at ${path}`)];
  },
};

function byHandlers(names: readonly string[] | string, criu: string): Finding {
  // The check of the handlers reports their problems.
  if (typeof names === "string")
    return warn(title, names, "correct the section [runtime] of the configuration");
  if (names.length > 0) return ok(title, `by ${names.join(" and ")}, with ${criu}`);
  return warn(
    title,
    "no runtime handler is built with criu support",
    "install runc, or a crun that lists +CRIU",
  );
}

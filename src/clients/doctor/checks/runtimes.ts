import { messageOf } from "../../../ground/errors/index.ts";
import { findHandler, type Handler, type HandlerTable } from "../../../services/runtime/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { handlersOf } from "../handlers.ts";

/** Are OCI runtimes there that work on this machine, and which of them do pods get? */
export const runtimesCheck: Check = {
  name: "runtimes",
  async run({ config }) {
    try {
      const table = await handlersOf(config);
      return [...table.handlers.map(describe), defaultOf(table)];
    } catch (error) {
      return [
        fail("runtime handlers", messageOf(error), "correct the section [runtime] of the configuration"),
      ];
    }
  },
};

function describe({ name, path, version, usability }: Handler): Finding {
  const title = `runtime handler ${name}`;
  if (usability.kind === "unusable") return warn(title, usability.reason, usability.remedy);
  return ok(title, version === "" ? path : `${path}, version ${version}`);
}

function defaultOf(table: HandlerTable): Finding {
  const title = "default runtime handler";
  const usability = findHandler(table, "")?.usability;
  if (usability?.kind === "usable") return ok(title, `${table.defaultName}: ${table.explanation}`);
  const remedy =
    usability?.remedy ?? "install runc (`apt-get install runc`), which works with every cgroup layout";
  return fail(title, `${table.defaultName} cannot be used: ${table.explanation}`, remedy);
}

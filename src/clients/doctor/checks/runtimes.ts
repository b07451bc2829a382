import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../../ground/config/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import {
  type Criu,
  detectCriu,
  detectHandlers,
  findHandler,
  type Handler,
  type HandlerTable,
} from "../../../services/runtime/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";

/** Are there OCI runtimes that work on this machine, and which of them do pods use? */
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

/** The runtime handlers, detected as berthd does, but without a cache. */
export function handlersOf({ runtime: { handlers, defaultHandler } }: Config): Promise<HandlerTable> {
  return withoutKeeping((stateDir) => detectHandlers({ handlers, defaultHandler, stateDir }));
}

/** The criu that berthd would use, detected in the same way. */
export function criuOf({ runtime: { criu: program } }: Config): Promise<Criu> {
  return withoutKeeping((stateDir) => detectCriu({ program, stateDir }));
}

async function withoutKeeping<T>(detect: (stateDir: string) => Promise<T>): Promise<T> {
  const stateDir = await mkdtemp(join(tmpdir(), "berth-doctor-"));
  try {
    return await detect(stateDir);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../ground/config/index.ts";
import { type Criu, detectCriu, detectHandlers, type HandlerTable } from "../../services/runtime/index.ts";

/** The runtime handlers as berthd finds them out, except that nothing is kept. */
export function handlersOf({ runtime: { handlers, defaultHandler } }: Config): Promise<HandlerTable> {
  return withoutKeeping((stateDir) => detectHandlers({ handlers, defaultHandler, stateDir }));
}

/** The criu that berthd would use; in the same way. */
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

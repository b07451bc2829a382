import { cacheDirectoryOf, keepCompiledCode } from "../../ground/compilecache/index.ts";

/** Runs the command line of this process. After the first line, modules are loaded from the compile cache. */
export async function start(): Promise<void> {
  keepCompiledCode(cacheDirectoryOf(process.env));
  const { runProcess } = await import("./process.ts");
  await runProcess();
}

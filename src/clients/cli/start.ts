import { cacheDirectoryOf, keepCompiledCode } from "../../ground/compilecache/index.ts";

/** Runs the command line of this process. What is loaded after the first line is found compiled. */
export async function start(): Promise<void> {
  keepCompiledCode(cacheDirectoryOf(process.env));
  const { runProcess } = await import("./process.ts");
  await runProcess();
}

/**
 * Bundles berthd, berth and their threads from `src/` into `dist/`: loading a few files in place of some hundred takes half the
 * time of a start off. What is imported when it is first used stays in files of its own, and so do packages with binaries or files of their own.
 * All lies in one directory, so that a thread's file is found beside the one that starts it.
 */
import { glob, rm } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "rolldown";

const input: Record<string, string> = { berthd: "src/daemon/main.ts", berth: "src/clients/cli/main.ts" };
for await (const file of glob("src/**/*-worker.ts")) {
  const name = basename(file, ".ts");
  if (input[name] !== undefined) throw new Error(`two threads are named ${name}: ${input[name]}, ${file}`);
  input[name] = file;
}

await rm("dist", { recursive: true, force: true });
await build({
  input,
  platform: "node",
  external: ["koffi", "pino-pretty", "@grpc/reflection"],
  output: { dir: "dist", format: "esm", chunkFileNames: "[name]-[hash].js" },
});

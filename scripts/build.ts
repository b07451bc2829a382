/**
 * Bundles berthd, berth and their threads from `src/` into `dist/`: loading a few files in place of some
 * hundred takes half the time of a start off. What is imported when it is first used stays in files of its
 * own, and so do packages with binaries or files of their own. All lies in one directory, so that a thread's
 * file is found beside the one that starts it.
 */
import { glob, rm } from "node:fs/promises";
import { basename } from "node:path";
import { type BuildOptions, build } from "rolldown";

/** Files that threads begin with, and no others, end so. */
const threads: Record<string, string> = {};
for await (const file of glob("src/**/*-worker.ts")) {
  const name = basename(file, ".ts");
  if (threads[name] !== undefined)
    throw new Error(`two threads are named ${name}: ${threads[name]}, ${file}`);
  threads[name] = file;
}

const shared = {
  platform: "node",
  // The last is what grpc-js reads .proto files with, which nobody asks it to.
  external: ["koffi", "pino-pretty", "re2js", "@grpc/reflection", "@grpc/proto-loader"],
  // Of a room, and of the generated protocol, a program loads what it uses: no module of ours does anything
  // but define until it is called, and neither does what the generated code imports for the clients that it
  // makes.
  treeshake: {
    moduleSideEffects: [
      { test: /\/src\//, sideEffects: false },
      { test: /\/node_modules\/@grpc\/grpc-js\//, sideEffects: false },
    ],
    manualPureFunctions: ["makeGenericClientConstructor"],
  },
} satisfies BuildOptions;

/**
 * Node keeps a program's text in memory for as long as it runs, with two bytes for each character where a
 * single one is beyond Latin-1. Names of functions and classes stay, for what is thrown and for profiles;
 * comments, spaces and the names of local variables go.
 */
const minify = {
  compress: false,
  mangle: { toplevel: false, keepNames: true },
  codegen: { removeWhitespace: true, asciiOnly: true },
} as const;

/**
 * An ECMAScript module that imports a thing of Node's loads all that belongs to it (of node:fs, streams and
 * readline too), where `require` loads what is touched: both programs start sooner and keep less in memory.
 */
const output = {
  dir: "dist",
  format: "cjs",
  minify,
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
} as const;

/**
 * Each file that a command loads costs it half a millisecond. All that every command loads is one file, with
 * what it takes; all that those with a connection load is another.
 */
const commandGroups = [
  { name: "program", test: /\/src\/clients\/cli\/process\.ts$/, priority: 2 },
  {
    name: "client",
    test: /\/src\/clients\/cli\/(client\/connect|output\/print-list|output\/units|values\/key-value)\.ts$|\/src\/clients\/criclient\/(objects|resolve|connect)\.ts$/,
    priority: 1,
  },
];

/** commander starts programs for commands that are programs. None of ours is one. */
const withoutChildProcesses = {
  name: "without child processes",
  transform: {
    filter: { id: /\/node_modules\/commander\/lib\/command\.js$/ },
    handler: (code: string) => code.replace("require('node:child_process')", "undefined"),
  },
};

await rm("dist", { recursive: true, force: true });
await build({ ...shared, input: { berthd: "src/daemon/main.ts", ...threads }, output });
await build({
  ...shared,
  input: { berth: "src/clients/cli/main.ts" },
  plugins: [withoutChildProcesses],
  output: { ...output, codeSplitting: { groups: commandGroups } },
});

/**
 * Bundles berthd, berth and their threads from `src/` into `dist/`: loading a few files instead of some
 * hundred halves the time of a start. Modules that are imported on first use stay in separate files, and so
 * do packages with binaries or files of their own. Everything is in one directory, so that a thread's file is
 * next to the one that starts it.
 */
import { glob, rm } from "node:fs/promises";
import { basename } from "node:path";
import { type BuildOptions, build } from "rolldown";

/** The files of threads, and no others, have this suffix. */
const threads: Record<string, string> = {};
for await (const file of glob("src/**/*-worker.ts")) {
  const name = basename(file, ".ts");
  if (threads[name] !== undefined)
    throw new Error(`two threads are named ${name}: ${threads[name]}, ${file}`);
  threads[name] = file;
}

const shared = {
  platform: "node",
  // grpc-js, a client of which asks services for keys, uses the last one to read .proto files, which is not
  // needed here.
  external: ["koffi", "pino-pretty", "re2js", "@grpc/reflection", "@grpc/proto-loader"],
  // A program loads only what it uses of a room and of the generated protocol: our modules only define things
  // when they are imported, and so do the imports of the generated code for its clients.
  treeshake: {
    moduleSideEffects: [
      { test: /\/src\//, sideEffects: false },
      { test: /\/node_modules\/@grpc\/grpc-js\//, sideEffects: false },
    ],
    manualPureFunctions: ["makeGenericClientConstructor"],
  },
} satisfies BuildOptions;

/**
 * Node keeps a program's text in memory as long as it runs, with two bytes for each character if a single one
 * is beyond Latin-1. Names of functions and classes are kept, for errors and profiles; comments, spaces and
 * the names of local variables are removed.
 */
const minify = {
  compress: false,
  mangle: { toplevel: false, keepNames: true },
  codegen: { removeWhitespace: true, asciiOnly: true },
} as const;

/**
 * An ECMAScript module that imports one part of Node loads everything that belongs to it (for node:fs, also
 * streams and readline), whereas `require` loads what is accessed: both programs start faster and use less
 * memory.
 */
const output = {
  dir: "dist",
  format: "cjs",
  minify,
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
} as const;

/**
 * Each file that a command loads costs half a millisecond. The modules that every command loads are one file,
 * with their imports; those that commands with a connection load are another.
 */
const commandGroups = [
  { name: "program", test: /\/src\/clients\/cli\/process\.ts$/, priority: 2 },
  {
    name: "client",
    test: /\/src\/clients\/cli\/(client\/connect|output\/print-list|output\/units|values\/key-value)\.ts$|\/src\/clients\/criclient\/(objects|resolve|connect)\.ts$/,
    priority: 1,
  },
];

/** commander starts programs for commands that are separate programs, which none of ours is. */
const withoutChildProcesses = {
  name: "without child processes",
  transform: {
    filter: { id: /\/node_modules\/commander\/lib\/command\.js$/ },
    handler: (code: string) => code.replace("require('node:child_process')", "undefined"),
  },
};

/**
 * The daemon has no clients of the services that it offers, whose classes would load grpc-js; tests have.
 */
const withoutClients = {
  name: "without clients",
  transform: {
    filter: { id: /\/src\/ground\/protocol\/generated\// },
    handler: (code: string) =>
      code.replace(
        /import \{[^}]*\} from "@grpc\/grpc-js";/,
        "const makeGenericClientConstructor = () => {};",
      ),
  },
};

await rm("dist", { recursive: true, force: true });
await build({
  ...shared,
  input: { berthd: "src/daemon/main.ts", ...threads },
  plugins: [withoutClients],
  output,
});
await build({
  ...shared,
  input: { berth: "src/clients/cli/main.ts" },
  plugins: [withoutChildProcesses],
  output: { ...output, codeSplitting: { groups: commandGroups } },
});

/**
 * Checks that no regular expression in src/ is made of what is not known when it is written, and that none looks everywhere
 * for what must end the text (`/x+$/`): JavaScript tries again at each place, which takes the square of a long text's time or
 * worse, on the main thread. Texts that pods, images and registries choose are matched by plain searching, or by re2js.
 */
import { glob, readFile } from "node:fs/promises";

/** Files that make patterns, of names and tokens that the source itself holds, each on a text that the kernel or a header limits. */
const makers = new Set([
  "src/linux/capabilities.ts",
  "src/network/orphan-plugins.ts",
  "src/registry/challenge.ts",
  "src/runtime/checkpoint/restored-privileges.ts",
  "src/runtime/spec/spec-json.ts",
  "src/runtime/update/check-memory-limit.ts",
  "src/stats/parse.ts",
]);

/** Files with patterns that may look everywhere for an end, on texts that are short for another reason. */
const enders = new Set([
  // Lines of criu's log, each of which begins with what is looked for.
  "src/runtime/checkpoint/criu-log.ts",
  // Ports of hosts that a configuration or a reference names, which is at most 1024 bytes long.
  "src/registry/endpoint.ts",
  "src/registry/hosts.ts",
  // A URL of an administrator's file.
  "src/registry/hosts-toml.ts",
  // A header of 512 bytes.
  "src/unpack/tar/archive.ts",
]);

const problems: string[] = [];
for await (const file of glob("src/**/*.ts")) {
  if (/\.test\.ts$|^src\/(?:testing|cli)\/|\/testing\//.test(file)) continue;
  const text = await readFile(file, "utf8");
  if (/\bRegExp\(/.test(text) && !makers.has(file))
    problems.push(`${file}: makes a regular expression of a text; search plainly, or use re2js`);
  if (/[(=:] ?\/(?!\^)[^/\n]*[+*]\)?\$\/[a-z]*[.,;) ]/.test(text) && !enders.has(file))
    problems.push(`${file}: looks everywhere for what must be at the end; go back from the end instead`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

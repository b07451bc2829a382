/** `npm run bench -- NAME [ARG...]`: runs one of the benchmarks beside this file. */
const [name, ...args] = process.argv.slice(2);
const known = [
  "burst",
  "cli",
  "counts",
  "critest",
  "docker",
  "manager",
  "memory",
  "native",
  "networks",
  "pods",
  "polling",
  "pull",
  "push",
  "scale",
  "startup",
  "stats",
  "streaming",
];
if (name === undefined || !known.includes(name)) {
  console.error(`which benchmark? One of: ${known.join(", ")}`);
  process.exit(2);
}
process.argv.splice(2, process.argv.length, ...args);
await import(new URL(`./${name}.ts`, import.meta.url).href);

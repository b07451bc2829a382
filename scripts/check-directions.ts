/**
 * Checks the directions between rooms: a file of a room imports only its own room and those that the table allows, and
 * another room only by its index. Imports of types count.
 */
import { sourceImports } from "./source-imports.ts";

/** What each room may import besides `errors`, `labels`, `clock`, `logging`, `sync` and `threads`, which are open to all. `daemon` wires all of them. */
const below: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  clock: [],
  labels: [],
  sync: [],
  threads: [],
  logging: [],
  oci: [],
  protocol: [],
  events: [],
  metadata: [],
  config: [],
  linux: [],
  directories: [],
  hostpaths: ["linux"],
  trees: ["linux"],
  namespaces: ["metadata"],
  containers: ["events", "metadata", "namespaces"],
  imagenames: ["metadata", "namespaces", "oci"],
  content: ["metadata", "namespaces", "oci"],
  unpack: ["linux", "oci"],
  checkpoint: ["linux", "oci", "unpack"],
  snapshots: ["metadata", "namespaces", "linux", "oci", "trees", "unpack"],
  registry: ["oci"],
  leases: ["metadata"],
  gc: ["content", "leases", "snapshots", "oci"],
  storage: ["containers", "content", "gc", "imagenames", "leases", "metadata", "namespaces", "snapshots"],
  images: [
    "content",
    "imagenames",
    "leases",
    "snapshots",
    "unpack",
    "registry",
    "metadata",
    "gc",
    "oci",
    "linux",
    "trees",
  ],
  profiles: ["content", "leases", "metadata", "gc", "images", "registry", "oci"],
  network: ["linux", "trees"],
  stats: ["linux"],
  runtime: ["directories", "linux", "hostpaths", "oci", "protocol", "cdi"],
  cdi: ["oci"],
  engine: ["images", "profiles", "oci", "protocol", "stats"],
  pods: [
    "cdi",
    "checkpoint",
    "containers",
    "engine",
    "images",
    "network",
    "profiles",
    "runtime",
    "metadata",
    "events",
    "directories",
    "hostpaths",
    "linux",
    "oci",
    "protocol",
    "snapshots",
    "stats",
    "trees",
  ],
  grpc: ["protocol"],
  cri: ["engine", "grpc", "protocol", "images", "oci", "registry"],
  "api/berth": ["engine", "grpc", "images", "protocol", "registry"],
  remotecommand: [],
  streaming: ["engine", "protocol", "remotecommand"],
  streamclient: ["remotecommand"],
  doctor: ["linux", "network", "registry", "runtime", "config"],
  criclient: ["protocol"],
  cli: ["criclient", "directories", "protocol", "config", "doctor", "streamclient"],
};
const open = ["clock", "errors", "labels", "logging", "sync", "threads"];

const problems: string[] = [];
for (const [file, targets] of await sourceImports()) {
  for (const target of targets) check(file, target);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function check(file: string, target: string): void {
  // Its own name and version are everybody's.
  if (target === "package.json") return;
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === to) return;
  if (!mayImport(from, to)) problems.push(`${file}: ${from} must not import ${to} (${target})`);
  if (target !== `src/${to}/index.ts`) {
    problems.push(`${file}: ${target} is inside another room; import src/${to}/index.ts`);
  }
}

function mayImport(from: string, to: string): boolean {
  return from === "daemon" || open.includes(to) || below[from]?.includes(to) === true;
}

function roomOf(file: string): string {
  const [, room = "", inner = ""] = file.split("/");
  return room === "api" ? `${room}/${inner}` : room;
}

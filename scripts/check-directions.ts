/**
 * Checks the directions between floors and rooms: a file of a room imports only its own room and those that
 * the table allows, none of them on a higher floor, and another room only by its index. Imports of types
 * count.
 */
import { sourceImports } from "./source-imports.ts";

/**
 * The floors of `src/` from top to bottom. Each room is on one of them; `daemon` connects all rooms,
 * `testing` is for tests.
 */
const floors: readonly string[] = ["daemon", "clients", "doors", "engines", "services", "parts", "ground"];

/**
 * What each room may import in addition to the rooms that are `open` to all. `daemon` connects all of them.
 */
const below: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  fs: [],
  json: [],
  clock: [],
  labels: [],
  compilecache: [],
  patterns: [],
  quantity: [],
  sync: [],
  threads: [],
  version: [],
  logging: [],
  oci: [],
  protocol: [],
  events: [],
  metadata: [],
  config: [],
  heap: [],
  igzip: [],
  linux: [],
  directories: [],
  hostpaths: ["linux"],
  trees: ["linux"],
  filters: [],
  namespaces: ["events", "metadata"],
  containers: ["events", "metadata", "namespaces"],
  imagenames: ["events", "metadata", "namespaces", "oci"],
  content: ["events", "metadata", "namespaces", "oci"],
  erofs: ["linux"],
  unpack: ["erofs", "igzip", "linux", "oci", "tar"],
  tar: ["linux"],
  layerdiff: ["linux", "oci", "tar"],
  checkpoint: ["layerdiff", "linux", "hostpaths", "oci", "tar", "unpack"],
  snapshots: ["events", "metadata", "namespaces", "linux", "oci", "trees", "unpack"],
  registry: ["directories", "linux", "oci"],
  leases: ["metadata"],
  gc: ["content", "leases", "snapshots", "oci"],
  storage: [
    "containers",
    "content",
    "events",
    "gc",
    "imagenames",
    "leases",
    "metadata",
    "namespaces",
    "snapshots",
  ],
  policy: ["oci"],
  encryption: ["oci"],
  peers: ["content", "oci"],
  images: [
    "content",
    "diff",
    "encryption",
    "imagenames",
    "leases",
    "peers",
    "snapshots",
    "tar",
    "unpack",
    "policy",
    "registry",
    "metadata",
    "gc",
    "oci",
    "hostpaths",
    "linux",
    "trees",
  ],
  diff: ["content", "hostpaths", "layerdiff", "linux", "oci", "snapshots", "unpack"],
  mounts: ["gc", "hostpaths", "linux", "metadata", "trees"],
  imagefiles: [
    "content",
    "diff",
    "directories",
    "hostpaths",
    "images",
    "leases",
    "linux",
    "oci",
    "snapshots",
  ],
  profiles: ["content", "leases", "metadata", "gc", "images", "registry", "oci"],
  network: ["directories", "linux", "trees"],
  stats: ["linux"],
  runtime: ["directories", "events", "heap", "linux", "hostpaths", "oci", "protocol", "cdi", "trees"],
  tasks: ["containers", "directories", "hostpaths", "linux", "protocol", "runtime", "trees"],
  restarts: ["containers", "events", "runtime", "snapshots", "storage", "tasks"],
  cdi: ["oci"],
  engine: ["images", "profiles", "oci", "protocol", "stats"],
  podnetwork: ["directories", "engine", "linux", "network", "protocol"],
  ownedpods: ["engine", "hostpaths", "protocol"],
  dockerapi: [],
  docker: [
    "cdi",
    "dockerapi",
    "directories",
    "engine",
    "events",
    "hostpaths",
    "images",
    "linux",
    "network",
    "oci",
    "ownedpods",
    "podnetwork",
    "profiles",
    "protocol",
    "registry",
    "runtime",
    "snapshots",
    "stats",
    "tar",
  ],
  pods: [
    "cdi",
    "checkpoint",
    "containers",
    "engine",
    "images",
    "network",
    "ownedpods",
    "podnetwork",
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
  grpc: ["directories", "heap", "protocol"],
  cri: ["engine", "grpc", "protocol", "images", "oci", "registry"],
  berth: ["diff", "engine", "grpc", "imagefiles", "images", "oci", "protocol", "registry"],
  containerd: [
    "containers",
    "content",
    "diff",
    "events",
    "filters",
    "grpc",
    "imagenames",
    "images",
    "leases",
    "mounts",
    "namespaces",
    "oci",
    "protocol",
    "restarts",
    "runtime",
    "snapshots",
    "stats",
    "storage",
    "tasks",
  ],
  remotecommand: [],
  streaming: ["engine", "protocol", "remotecommand"],
  streamclient: ["remotecommand"],
  doctor: ["dockerapi", "encryption", "linux", "network", "policy", "registry", "runtime", "config"],
  grpcclient: [],
  criclient: ["grpcclient", "protocol"],
  manifests: [],
  podspec: ["directories", "linux", "manifests", "oci", "protocol", "registry", "trees"],
  podlife: ["criclient", "directories", "grpcclient", "manifests", "podspec", "protocol"],
  servicenet: ["directories", "linux", "network"],
  manager: ["criclient", "directories", "manifests", "podlife", "podspec", "servicenet", "trees"],
  cli: [
    "compilecache",
    "criclient",
    "directories",
    "linux",
    "manager",
    "manifests",
    "podspec",
    "protocol",
    "config",
    "doctor",
    "servicenet",
    "streamclient",
    "tar",
    "registry",
    "oci",
  ],
};
const open = [
  "clock",
  "errors",
  "fs",
  "json",
  "labels",
  "logging",
  "patterns",
  "quantity",
  "sync",
  "threads",
  "version",
];

const problems: string[] = [];
for (const [file, targets] of await sourceImports()) {
  for (const target of targets) check(file, target);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function check(file: string, target: string): void {
  // Our own version is in no other source.
  if (file === "src/ground/version/index.ts" && target === "package.json") return;
  const [from, to] = [placeOf(file), placeOf(target)];
  if (from.room === to.room) return;
  if (floors.indexOf(from.floor) > floors.indexOf(to.floor))
    problems.push(`${file}: ${from.floor} must not import ${to.floor}, which is above it (${target})`);
  if (!mayImport(from.room, to.room))
    problems.push(`${file}: ${from.room} must not import ${to.room} (${target})`);
  if (target !== `${to.folder}/index.ts`)
    problems.push(`${file}: ${target} is inside another room; import ${to.folder}/index.ts`);
}

function mayImport(from: string, to: string): boolean {
  return from === "daemon" || open.includes(to) || below[from]?.includes(to) === true;
}

/** The floor and room of a source file, and the room's folder. */
function placeOf(file: string): { floor: string; room: string; folder: string } {
  const [src = "", floor = "", room = ""] = file.split("/");
  if (!floors.includes(floor)) problems.push(`${file}: ${floor} is no floor`);
  return floor === "daemon"
    ? { floor, room: floor, folder: `${src}/${floor}` }
    : { floor, room, folder: `${src}/${floor}/${room}` };
}

/**
 * The rooms and what each may import: dependencies point down only. `errors` and `logging` are open to all.
 * @type {Record<string, string[]>}
 */
const rooms = {
  errors: [],
  logging: [],
  oci: [],
  protocol: [],
  events: [],
  metadata: [],
  config: [],
  linux: [],
  content: ["metadata", "oci"],
  snapshots: ["metadata", "linux", "oci", "unpack"],
  unpack: ["linux", "oci"],
  registry: ["oci"],
  gc: ["metadata", "content", "snapshots", "oci"],
  images: ["content", "snapshots", "unpack", "registry", "metadata", "events", "gc", "oci", "linux"],
  network: ["linux"],
  runtime: ["linux", "oci", "protocol"],
  engine: ["images", "oci", "protocol"],
  pods: ["engine", "images", "network", "runtime", "metadata", "events", "linux", "oci", "protocol", "snapshots"],
  cri: ["engine", "protocol", "images", "oci", "registry"],
  api: ["images", "protocol"],
  streaming: ["engine", "protocol"],
  streamclient: ["streaming"],
  doctor: ["linux", "network", "runtime", "config"],
  cli: ["protocol", "config", "doctor", "streamclient"],
};

const open = ["errors", "logging"];

const directions = Object.entries(rooms).map(([room, below]) => ({
  name: `${room}-imports-only-below`,
  severity: "error",
  from: { path: `^src/${room}/`, pathNot: ["\\.test\\.ts$", "/testing/"] },
  to: { path: "^src/", pathNot: [room, ...open, ...below].map((name) => `^src/${name}/`) },
}));

const doors = {
  name: "rooms-are-entered-by-their-index",
  comment: "A room's insides are its own: other rooms import its index.ts.",
  severity: "error",
  from: { path: "^src/([^/]+)/", pathNot: ["\\.test\\.ts$", "/testing/"] },
  to: { path: "^src/([^/]+)/", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$", "^src/api/[^/]+/index\\.ts$"] },
};

const cycles = { name: "no-cycles", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } };

export default {
  forbidden: [...directions, doors, cycles],
  options: {
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^src/protocol/generated" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: [".ts", ".js"] },
  },
};

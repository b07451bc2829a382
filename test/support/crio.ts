import { existsSync } from "node:fs";
import { join } from "node:path";
import { Peer, type PeerPlaces } from "../../bench/peer.ts";

/**
 * Where scripts/crio-programs.sh puts CRI-O, and the programs that it starts and that are too old in Debian
 * 12.
 */
const programs = new URL("../../node_modules/.cache/crio/", import.meta.url).pathname;

/** Starts a CRI-O with crun. `registry` is a host with plain HTTP that has an image `pause`. */
export function startCrio(registry: string): Promise<Peer> {
  if (!existsSync(join(programs, "crio")))
    throw new Error("there is no CRI-O: scripts/crio-programs.sh builds it");
  return Peer.start((places) => ({
    program: join(programs, "crio"),
    arguments: [
      ...["--config", join(places.directory, "crio.conf"), "--config-dir", ""],
      ...["--registries-conf", join(places.directory, "registries.conf")],
    ],
    files: {
      "crio.conf": configuration(places, registry),
      "registries.conf": `[[registry]]\nlocation = ${JSON.stringify(registry)}\ninsecure = true\n`,
      "policy.json": JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
    },
  }));
}

function configuration({ directory, socket, netDir }: PeerPlaces, registry: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  const program = (name: string) => JSON.stringify(join(programs, name));
  return `
[crio]
root = ${path("root")}
runroot = ${path("run")}
storage_driver = "overlay"
log_dir = ${path("logs")}
version_file = ${path("version")}
clean_shutdown_file = ${path("clean.shutdown")}
[crio.api]
listen = ${JSON.stringify(socket)}
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
container_exits_dir = ${path("exits")}
container_attach_socket_dir = ${path("attach")}
namespaces_dir = ${path("namespaces")}
pinns_path = ${program("pinns")}
hooks_dir = []
cdi_spec_dirs = []
apparmor_profile = "unconfined"
default_runtime = "crun"
[crio.runtime.runtimes.crun]
runtime_path = ${program("crun")}
runtime_root = ${path("crun")}
monitor_path = ${program("conmon")}
monitor_cgroup = "pod"
[crio.image]
pause_image = "${registry}/pause:latest"
signature_policy = ${path("policy.json")}
[crio.network]
network_dir = ${JSON.stringify(netDir)}
plugin_dirs = ["/usr/lib/cni"]
`;
}

import { join } from "node:path";
import { Peer, type PeerPlaces } from "./peer.ts";

/**
 * Starts a containerd with runc. `pauseImage` is a reference in a loopback registry with plain HTTP. Its
 * programs are the machine's, unless there are others in the directory `programs`; its data are in `root`.
 */
export function startContainerd(
  pauseImage: string,
  { programs, root }: { readonly programs?: string | undefined; readonly root?: string } = {},
): Promise<Peer> {
  return Peer.start((places) => ({
    program: "containerd",
    arguments: ["--config", join(places.directory, "config.toml")],
    files: { "config.toml": configuration(places, root ?? join(places.directory, "root"), pauseImage) },
    env: { PATH: [programs ?? [], process.env.PATH ?? []].flat().join(":") },
  }));
}

function configuration({ directory, socket, netDir }: PeerPlaces, root: string, pauseImage: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  return `
version = 2
root = ${JSON.stringify(root)}
state = ${path("state")}
[grpc]
address = ${JSON.stringify(socket)}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${JSON.stringify(pauseImage)}
restrict_oom_score_adj = true
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${JSON.stringify(netDir)}
[plugins."io.containerd.internal.v1.opt"]
path = ${path("opt")}
`;
}

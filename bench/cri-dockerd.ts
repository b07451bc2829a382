import { access } from "node:fs/promises";
import { join } from "node:path";
import { Peer } from "./peer.ts";

const program = new URL("../node_modules/.cache/cri-dockerd/cri-dockerd", import.meta.url).pathname;

/** Starts a cri-dockerd over a Docker Engine. `pauseImage` is the name of an image that the engine has. */
export async function startCriDockerd(dockerHost: string, pauseImage: string): Promise<Peer> {
  await access(program).catch((cause: unknown) => {
    throw new Error(`${program} is missing: run sh scripts/cri-dockerd-program.sh`, { cause });
  });
  return Peer.start(({ directory, socket, netDir }) => ({
    program,
    arguments: [
      ...["--container-runtime-endpoint", `unix://${socket}`, "--docker-endpoint", dockerHost],
      ...["--cri-dockerd-root-directory", join(directory, "root")],
      ...["--pod-infra-container-image", pauseImage, "--network-plugin", "cni"],
      ...["--cni-conf-dir", netDir, "--cni-bin-dir", "/usr/lib/cni"],
      ...["--cni-cache-dir", join(directory, "cni"), "--streaming-bind-addr", "127.0.0.1:0"],
    ],
  }));
}

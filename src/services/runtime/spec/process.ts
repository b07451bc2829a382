import { posix } from "node:path";
import type { ContainerConfig } from "../../../ground/protocol/index.ts";
import type { ImageConfig } from "../../../parts/oci/index.ts";
import { RuntimeError } from "../runtime-error.ts";

type Image = ImageConfig["config"];

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Kubernetes' rule: `command` replaces the image's entrypoint and its cmd; `args` replaces its cmd. Throws
 * RuntimeError InvalidArgument if nothing is left to run.
 */
export function processArgs({ command, args }: ContainerConfig, image: Image): readonly string[] {
  if (command.length > 0) return [...command, ...args];
  const entrypoint = image.entrypoint.length === 1 && image.entrypoint[0] === "" ? [] : image.entrypoint;
  const all = [...entrypoint, ...(args.length > 0 ? args : image.cmd)];
  if (all.length === 0) {
    throw new RuntimeError(
      "InvalidArgument",
      "no command: neither the container config nor the image sets one",
    );
  }
  return all;
}

/**
 * A later value of the same name replaces an earlier one: defaults, then the image's, then the container's. A
 * name without a value, which OCI runtimes refuse, removes it, as in containerd.
 */
export function processEnv(
  config: ContainerConfig,
  image: Image,
  { hostname, home }: { readonly hostname: string; readonly home: string | undefined },
): readonly string[] {
  const entries = [
    defaultPath,
    ...(home === undefined ? [] : [`HOME=${home}`]),
    ...(config.tty ? ["TERM=xterm"] : []),
    `HOSTNAME=${hostname}`,
    ...image.env,
    ...config.envs.map(({ key, value }) => `${key}=${Buffer.from(value).toString("utf8")}`),
  ];
  const byName = new Map<string, string>();
  for (const entry of entries) {
    const [name = ""] = entry.split("=", 1);
    if (entry.includes("=")) byName.set(name, entry);
    else byName.delete(name);
  }
  return [...byName.values()];
}

export function processCwd(config: ContainerConfig, image: Image): string {
  return posix.join("/", config.workingDir || image.workingDir);
}

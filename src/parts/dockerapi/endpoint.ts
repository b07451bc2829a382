import { DockerError } from "./docker-error.ts";

/** Where a Docker Engine listens. */
export type DockerEndpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** PEM texts for a TCP endpoint; the engine's certificate must be signed by `ca`. */
export type DockerTls = { readonly ca: string; readonly cert: string; readonly key: string };

/**
 * Reads `unix:///run/docker.sock` and `tcp://host:2376`, as `docker --host` takes them. Throws DockerError
 * InvalidArgument.
 */
export function parseDockerHost(text: string): DockerEndpoint {
  if (text.startsWith("unix:///")) return { kind: "unix", path: text.slice("unix://".length) };
  const url = text.startsWith("tcp://") && URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port);
  if (url === undefined || url.hostname === "" || port === 0 || url.pathname.length > 1) {
    throw new DockerError(
      "InvalidArgument",
      `Docker host ${JSON.stringify(text)}: must be unix:///PATH or tcp://HOST:PORT`,
    );
  }
  return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

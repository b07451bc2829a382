import { type Descriptor, isForeignLayerType, type Reference } from "../oci/index.ts";

/** A host that serves a registry's repositories: the registry itself or a mirror. */
export type Endpoint = {
  /** `https://registry-1.docker.io/v2`, without a trailing slash. */
  readonly base: string;
  /** `registry-1.docker.io`, `127.0.0.1:5000`. */
  readonly host: string;
  /**
   * `registry`: the host that the reference names, which may get the credentials for it. `blob`: `base` is
   * the complete URL of one blob, which the image's author chose: no credentials and headers are sent there.
   */
  readonly role: "registry" | "mirror" | "blob";
  /** Whether it may resolve tags, in addition to serving content by digest. */
  readonly resolves: boolean;
  readonly pulls: boolean;
  /** Whether it accepts pushes. */
  readonly pushes: boolean;
  readonly tls: TlsSettings;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly dialTimeoutMs: number;
  /**
   * Whether plain HTTP is used if it does not support TLS: for loopback hosts, and for http:// with TLS
   * settings.
   */
  readonly plainHttpFallback: boolean;
};

export type TlsSettings = {
  readonly caFiles: readonly string[];
  /** The key file is undefined if the first file holds both certificate and key. */
  readonly clientPairs: readonly (readonly [certificateFile: string, keyFile: string | undefined])[];
  readonly skipVerify: boolean;
};

export const defaultDialTimeoutMs = 30_000;

/**
 * The URL of a path in the reference's repository. Mirrors get the registry's name in the parameter `ns`, as
 * from containerd.
 */
export function repositoryUrl(endpoint: Endpoint, reference: Reference, path: string): URL {
  if (endpoint.role === "blob") return new URL(endpoint.base);
  const url = new URL(`${endpoint.base}/${reference.repository}/${path}`);
  const own =
    endpoint.host === reference.host || (reference.host === "docker.io" && isDockerHub(endpoint.host));
  if (!own) url.searchParams.set("ns", reference.host);
  return url;
}

/**
 * The sources of a layer that registries may lack: its `urls` (image-spec 1.1, descriptor.md). As with
 * redirects, plain HTTP is used only if the registry itself is reached with it: otherwise, an image could
 * make a node send requests to its own unprotected services.
 */
export function foreignEndpoints(
  { mediaType, urls = [] }: Descriptor,
  registries: readonly Endpoint[],
): readonly Endpoint[] {
  if (!isForeignLayerType(mediaType)) return [];
  const mayBePlain = registries.some(
    ({ base, plainHttpFallback }) => plainHttpFallback || base.startsWith("http:"),
  );
  return urls
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url))
    .filter(({ protocol }) => protocol === "https:" || (mayBePlain && protocol === "http:"))
    .map((url) => {
      url.username = "";
      url.password = "";
      return endpointOfUrl(url);
    });
}

/** The endpoint for a URL outside of registries. */
export function endpointOfUrl(url: URL): Endpoint {
  return {
    base: url.href,
    host: url.host,
    role: "blob",
    resolves: false,
    pulls: true,
    pushes: false,
    tls: { caFiles: [], clientPairs: [], skipVerify: false },
    headers: {},
    dialTimeoutMs: defaultDialTimeoutMs,
    plainHttpFallback: false,
  };
}

const dockerHub: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

export function isDockerHub(host: string): boolean {
  return dockerHub.has(host);
}

export function isSameHost(a: string, b: string): boolean {
  return a === b || (isDockerHub(a) && isDockerHub(b));
}

/** True for localhost and loopback addresses, with or without a port. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

/** A URL for a message or a log, without its query, which may contain a signature or a token. */
export function quoteUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === "" ? "" : "?..."}`;
}

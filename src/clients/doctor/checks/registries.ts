import { messageOf } from "../../../ground/errors/index.ts";
import { findHostsProblems } from "../../../parts/registry/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";

const timeoutMs = 10_000;
const maxClockSkewMs = 5 * 60_000;

/**
 * Can the given registries be reached? Requests /v2/, as every client does first (OCI distribution-spec,
 * end-1).
 */
export const registriesCheck: Check = {
  name: "registries",
  async run({ registries }, signal) {
    return (await Promise.all(registries.map((host) => look(host, signal)))).flat();
  },
};

async function look(host: string, signal: AbortSignal): Promise<Finding[]> {
  const title = `registry ${host}`;
  const url = `${isLoopback(host) ? "http" : "https"}://${host}/v2/`;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      redirect: "manual",
    });
    await response.body?.cancel();
    return [answered(title, url, response.status), ...clockSkew(response.headers.get("date"))];
  } catch (error) {
    return [fail(title, `${url}: ${messageOf(error)}`, remedyFor(errorCode(error)))];
  }
}

function answered(title: string, url: string, status: number): Finding {
  if (status === 200) return ok(title, "answers");
  if (status === 401) return ok(title, "reachable; it requires credentials");
  return warn(
    title,
    `${url} answers ${status}, which no registry does`,
    "check that this is a registry, and not a proxy in front of one",
  );
}

/** With a wrong clock, every certificate and token looks expired. */
function clockSkew(date: string | null): Finding[] {
  const skewMs = date === null ? 0 : Date.now() - Date.parse(date);
  if (Math.abs(skewMs) < maxClockSkewMs) return [];
  return [
    warn(
      "clock",
      `differs from the registry's by ${Math.round(skewMs / 60_000)} minutes`,
      "set the clock, and keep it in sync with NTP",
    ),
  ];
}

function remedyFor(code: string): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "check the spelling and /etc/resolv.conf";
  if (code === "ECONNREFUSED") return "nothing listens on that port: check HOST:PORT";
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code))
    return "give berthd the registry's CA in certs.d/HOST/hosts.toml";
  if (/SSL|TLS/.test(code))
    return 'if it speaks plain HTTP, say so in certs.d/HOST/hosts.toml: server = "http://HOST"';
  return "check routes, firewalls and proxies (HTTPS_PROXY) between this machine and the registry";
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return errorCode(error.cause);
}

/** Registries on this machine are accessed without TLS, as in Docker. */
function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
}

const hostsTitle = "hosts.toml";

/** Are the files valid that configure access to registries? */
export const registryHostsCheck: Check = {
  name: "registry-hosts",
  async run({ config: { images } }) {
    const files = await findHostsProblems(images.certsDirs);
    if (files.length === 0) return [ok(hostsTitle, "all files are valid")];
    return files.map(({ path, problem }) => warn(hostsTitle, `${path}: ${problem}`, "correct the file"));
  },
};

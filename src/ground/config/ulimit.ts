import { type Key, Refused, strings } from "./keys.ts";

/**
 * A resource limit of processes, with the name in setrlimit(2) and the OCI runtime-spec; `Infinity` is no
 * limit.
 */
export type Ulimit = { readonly type: string; readonly soft: number; readonly hard: number };

const names = [
  ...["as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"],
  ...["nproc", "rss", "rtprio", "rttime", "sigpending", "stack"],
];

/** A list of limits such as "nofile=1024:4096". */
export function ulimits(doc: string): Key<readonly Ulimit[]> {
  const list = strings([], doc);
  return { ...list, default: [], read: (value) => list.read(value).map(readUlimit) };
}

function readUlimit(text: string): Ulimit {
  const [, name = "", soft = "", hard = soft] = /^(?:RLIMIT_)?(\w+)=([^:]+)(?::(.+))?$/i.exec(text) ?? [];
  const limit = { type: `RLIMIT_${name.toUpperCase()}`, soft: readLimit(soft), hard: readLimit(hard) };
  if (names.includes(name.toLowerCase()) && limit.soft <= limit.hard) return limit;
  throw new Refused(`must be a list of NAME=SOFT[:HARD], where NAME is one of ${names.join(", ")}`);
}

/** NaN if it is invalid: all comparisons with NaN are false. */
function readLimit(text: string): number {
  if (text === "unlimited" || text === "-1") return Number.POSITIVE_INFINITY;
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

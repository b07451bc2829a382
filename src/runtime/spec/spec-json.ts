/** RLIM_INFINITY, which no number of JavaScript's is. */
const rlimInfinity = "18446744073709551615";

/** A specification or a part of one as OCI runtimes read it. A limit of `Infinity` is the kernel's RLIM_INFINITY. */
export function specJson(value: object): string {
  // In a string the quotes would be escaped.
  return JSON.stringify(value).replaceAll(/"(soft|hard)":null/g, `"$1":${rlimInfinity}`);
}

/** What {@link specJson} has written. */
export function parseSpecJson<Spec>(text: string): Spec {
  return JSON.parse(text.replaceAll(new RegExp(`"(soft|hard)":${rlimInfinity}`, "g"), '"$1":1e999'));
}

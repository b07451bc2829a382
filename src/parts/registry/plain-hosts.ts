import { isLoopback } from "./endpoint.ts";

/** Long enough for the pulls of one pod, short enough to notice that a registry got a certificate. */
const rememberedMs = 60_000;

/**
 * Endpoints on this machine that turned out not to support TLS, shared by successive registries, each of
 * which would otherwise try TLS first.
 */
export class PlainHosts {
  readonly #foundAtMs = new Map<string, number>();

  has(base: string): boolean {
    const foundAtMs = this.#foundAtMs.get(base);
    return foundAtMs !== undefined && performance.now() - foundAtMs < rememberedMs;
  }

  /** Nothing is remembered about other machines: an attacker in between might have answered. */
  add(base: string, host: string): void {
    if (isLoopback(host)) this.#foundAtMs.set(base, performance.now());
  }
}

import { isLoopback } from "./endpoint.ts";

/** Long enough for the pulls of one pod, short enough that a registry that gets a certificate is noticed. */
const rememberedMs = 60_000;

/**
 * Endpoints of this machine that turned out not to speak TLS, for registries that are made one after the
 * other: each would try TLS first.
 */
export class PlainHosts {
  readonly #foundAtMs = new Map<string, number>();

  has(base: string): boolean {
    const foundAtMs = this.#foundAtMs.get(base);
    return foundAtMs !== undefined && performance.now() - foundAtMs < rememberedMs;
  }

  /** Of another machine nothing is remembered: who stands between might have answered. */
  add(base: string, host: string): void {
    if (isLoopback(host)) this.#foundAtMs.set(base, performance.now());
  }
}

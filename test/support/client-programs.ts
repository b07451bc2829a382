/** A program that scripts/clients-programs.sh has built. */
export function clientProgram(name: string): string {
  return new URL(`../../.clients/${name}`, import.meta.url).pathname;
}

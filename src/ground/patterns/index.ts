/**
 * Regular expressions that clients and files of configuration give: of Go's syntax (RE2), and like Go's they
 * take a time that grows with the text alone. JavaScript's own would let whoever chooses one hold the daemon
 * up.
 */
export { compilePattern, type Pattern } from "./pattern.ts";

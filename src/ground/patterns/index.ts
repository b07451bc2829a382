/**
 * Regular expressions from clients and configuration files, in Go's syntax (RE2); like Go's, they take time
 * linear in the text. With JavaScript's own, anybody who chooses one could block the daemon.
 */
export { compilePattern, type Pattern } from "./pattern.ts";

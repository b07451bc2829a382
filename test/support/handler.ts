/** The default OCI runtime of the tests' pods; scripts/test.ts runs the tests with each. */
export const testHandler: string = process.env.BERTH_TEST_HANDLER ?? "crun";

/** Debian's path of an OCI runtime's program. */
export function handlerProgram(handler: string): string {
  return handler === "runc" ? "/usr/sbin/runc" : `/usr/bin/${handler}`;
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { eventually } from "./condition.ts";

const run = promisify(execFile);

/**
 * Exports an image to an archive until that is whole: ctr 2.4.2 may end, with status 0, before it has written
 * all that the transfer service has sent; about one of sixty archives lacks its end.
 */
export async function exportWhole(
  archive: string,
  exportTo: (archive: string) => Promise<unknown>,
): Promise<void> {
  await eventually(`${archive} is whole`, async () => {
    await exportTo(archive);
    const { stdout } = await run("tar", ["-tf", archive]).catch(() => ({ stdout: "" }));
    return stdout.includes("index.json") && stdout.includes("oci-layout");
  });
}

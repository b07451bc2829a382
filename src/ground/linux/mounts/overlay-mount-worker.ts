/** The thread behind {@link "./overlay-mount.ts"}. */
import { serveJobs } from "../../threads/index.ts";
import { check, libcFunction } from "../libc.ts";
import { mountByParts } from "./overlay-by-parts.ts";
import type { OverlayByParts, RelativeMount } from "./overlay-mount.ts";

const unshareCall = libcFunction("int unshare(int flags)");
const chdirCall = libcFunction("int chdir(const char *path)");
const mountCall = libcFunction(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const CLONE_FS = 0x200;

serveJobs((request: RelativeMount | OverlayByParts): void => {
  if ("overlay" in request) mountByParts(request);
  else mountFrom(request);
});

/** All threads of a process share one working directory, until one of them unshares it. */
function mountFrom({ source, target, type, flags, data, directory }: RelativeMount): void {
  check("unshare", unshareCall(CLONE_FS), "working directory");
  check("chdir", chdirCall(directory), directory);
  check("mount", mountCall(source, target, type, flags, data), `${source} on ${target}`);
}

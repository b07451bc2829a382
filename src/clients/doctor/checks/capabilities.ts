import { processCapabilities } from "../../../ground/linux/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";

const needed = [
  "CAP_SYS_ADMIN",
  "CAP_NET_ADMIN",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_CHOWN",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_KILL",
];

/** May we do what berthd has to do? */
export const capabilitiesCheck: Check = {
  name: "capabilities",
  async run() {
    const { effective } = await processCapabilities();
    const missing = needed.filter((name) => !effective.has(name));
    if (missing.length > 0) {
      return [
        fail(
          "capabilities",
          `missing: ${missing.join(", ")}`,
          process.getuid?.() === 0
            ? "run berthd as root, outside of a container, or in a privileged one"
            : "run `berth doctor` as root: it looks at what it may do itself, as berthd would",
        ),
      ];
    }
    return [ok("capabilities", "all that berthd needs"), resource(effective)];
  },
};

function resource(effective: ReadonlySet<string>): Finding {
  const title = "CAP_SYS_RESOURCE";
  if (effective.has(title)) return ok(title, "oom_score_adj and resource limits can be set as asked");
  const detail =
    "missing: an oom_score_adj below berthd's own and hard limits above its own cannot be given to containers";
  return warn(
    title,
    detail,
    "give it to berthd's service; without it berth uses the nearest values that are allowed",
  );
}

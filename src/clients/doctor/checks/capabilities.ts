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

/** Do we have berthd's capabilities? */
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
            ? "run berthd as root, and not in an unprivileged container"
            : "run `berth doctor` as root: it checks its own capabilities instead of berthd's",
        ),
      ];
    }
    return [ok("capabilities", "berthd has all that it needs"), resource(effective)];
  },
};

function resource(effective: ReadonlySet<string>): Finding {
  const title = "CAP_SYS_RESOURCE";
  if (effective.has(title)) return ok(title, "oom_score_adj and resource limits can be set as requested");
  const detail =
    "missing: containers cannot get an oom_score_adj below berthd's own, nor hard limits above its own";
  return warn(
    title,
    detail,
    "grant it to berthd's service; without it berth uses the nearest allowed values",
  );
}

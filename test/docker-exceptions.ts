import { readFileSync } from "node:fs";
import { isNewerDocker } from "./support/docker.ts";

type Test = { readonly file: string; readonly title: string };

type Exception = Test & {
  readonly why: string;
  /** Whether it applies to this engine and machine; to all unless given. */
  readonly applies?: boolean;
};

const isOld = !isNewerDocker;
/** Docker Engine 20.10 gives privileged containers capabilities that root does not have everywhere. */
const failsPrivileged = isOld && !hasAllCapabilities();

/** Tests of what every engine does that cannot pass over Docker; docs/docker.md says why. */
const exceptions: readonly Exception[] = [
  ...of(
    "test/attacks-requests.test.ts",
    "a request that is made to break out",
    "the native engine's bundle is read",
    ["by an annotation's value with several lines is kept unchanged, and is only a value"],
  ),
  ...of("test/container-settings.test.ts", "OCI hooks", "Docker has no OCI hooks", [
    "run at their stages for the containers that they apply to",
    "that are unusable are named in the status, and prevent the containers that they may apply to, but no others",
    "of version 0.1.0 run for the containers that they apply to",
  ]),
  ...of("test/container-settings.test.ts", "annotations", "Docker passes no annotations to OCI runtimes", [
    "of pod and container reach the OCI runtime if its handler says so, and never replace berth's own",
  ]),
  ...of("test/containers.test.ts", "a container", "Docker reports 127", [
    "whose program does not exist fails to start with StartError and code 128",
  ]),
  ...of("test/devices.test.ts", "a device", "Docker has no device_ownership_from_security_context", [
    "belongs to the container's user if the configuration says so",
  ]),
  ...of("test/devices.test.ts", "a device", "Docker rejects it when the container starts", [
    "that is not a device is rejected by name",
  ]),
  ...of("test/devices.test.ts", "a device", "handlers are Docker's runtimes", [
    "of the host is in every privileged container, unless the handler says otherwise",
  ]),
  ...of("test/failures.test.ts", "an OCI runtime", "handlers are Docker's", [
    "that crashes fails the container with its own message, and the pod stays usable",
  ]),
  ...of("test/failures.test.ts", "a container", "there is no conmon", [
    "that lost its conmon keeps running, and its end is known, but not its cause",
  ]),
  ...of(
    "test/failures.test.ts",
    "a container that can be neither created nor undone",
    "its mounts are Docker's",
    ["is removed once the obstacle is gone"],
  ),
  ...of("test/lists.test.ts", "lists", "there is the sandboxes' image, too", [
    "of images find one by each of its names, and so do their streams",
  ]),
  ...of("test/lists.test.ts", "verbose answers", "verbose answers have Docker's description", [
    "have what people need to debug a node",
    "have a container's OCI specification before it runs, while it runs and after its exit",
    "describe a container that joined another's processes even after both have exited and their image was removed",
    "say why a container's specification is not available, and contain everything else",
  ]),
  ...of("test/metrics.test.ts", "metrics", "the path of the cgroup is Docker's", [
    "are labelled with their owners, as the kubelet labels cAdvisor's",
  ]),
  ...when(failsPrivileged, [
    ...of("test/mounts.test.ts", "a mount", "Docker cannot start privileged containers", [
      "of PROPAGATION_PRIVATE passes mounts neither in nor out",
      "of PROPAGATION_HOST_TO_CONTAINER passes mounts in, not out",
      "of PROPAGATION_BIDIRECTIONAL passes mounts in and out",
      "that asks for more propagation than its source has is refused, and says what the source needs",
      "that is readonly cannot be written to, and what is mounted below can unless that is recursive",
    ]),
  ]),
  ...of("test/mounts.test.ts", "a mount", "mount options are not in Docker's API", [
    "forbids what its options say: running programs, set-user-id, devices",
  ]),
  ...of(
    "test/networks.test.ts",
    "a pod's interfaces and names",
    "Docker has one user namespace for all pods",
    ["let any user ping, even in a user namespace"],
  ),
  ...of("test/networks.test.ts", "berth doctor --leaks", "it looks for what the native engine leaves", [
    "finds leftovers of a removed pod, and none of an existing one",
  ]),
  ...of("test/pods.test.ts", "a pod sandbox", "handlers are Docker's runtimes", [
    "with an unknown runtime handler is rejected, with the names of the existing ones",
  ]),
  ...when(failsPrivileged, [
    ...of(
      "test/seccomp.test.ts",
      "the RuntimeDefault seccomp profile",
      "Docker cannot give all capabilities",
      [
        "is the only thing that rejects the calls of the tests below",
        ...[
          "changing the root of the mount namespace",
          "another kernel",
          "io_uring, whose requests pass by the filter",
          "the kernel's keyrings, which know no namespaces",
          "handling page faults by programs",
          "moving pages between nodes",
          "swap",
          "what is obsolete",
          "personalities that weaken the protection of memory",
        ].map((calls) => `rejects ${calls} from a container with all capabilities, too`),
      ],
    ),
    ...of(
      "test/security-profiles.test.ts",
      "a security profile",
      "Docker cannot start privileged containers",
      ["of seccomp is the configuration's if a container requests none or RuntimeDefault, or is privileged"],
    ),
  ]),
  ...when(isOld, [
    ...of(
      "test/seccomp.test.ts",
      "the RuntimeDefault seccomp profile",
      "Docker does not know the capability",
      [
        "allows loading programs into the kernel with CAP_BPF",
        "allows watching the machine's performance with CAP_PERFMON",
      ],
    ),
    ...of("test/seccomp.test.ts", "the RuntimeDefault seccomp profile", "Docker's own profile differs", [
      "rejects io_uring, whose requests pass by the filter",
      "applies to the calls of 32-bit x86, made by a program of 32 bits",
      "applies to the calls of 32-bit x86, made by a program of 64 bits",
      "allows files to a container",
      "allows debuggers to a container",
      "allows memory to a container",
    ]),
  ]),
  ...of("test/seccomp.test.ts", "the RuntimeDefault seccomp profile", "Docker's own profile differs", [
    "rejects sockets that reach the kernel's cryptography and the hypervisor",
    "rejects sockets that reach the kernel's cryptography and the hypervisor from a container with all capabilities, too",
    "applies to the calls of the x32 ABI, whether or not the kernel supports it",
  ]),
  ...of(
    "test/standard-streams.test.ts",
    "the standard streams",
    "Docker has one user namespace for all pods",
    [
      "can be opened by name in a pod with a user namespace, as root, by a container and by commands",
      "can be opened by name in a pod with a user namespace, as user 1000, by a container and by commands",
    ],
  ),
  ...of("test/updates.test.ts", "UpdateContainerResources", "Docker's API has no such limits", [
    "changes every limit of a running container, even if memory must grow before swap or shrink after it",
    "applies from the start for a container that was only created",
    "sets oom_score_adj of every process, and of later commands",
    "sets no lower oom_score_adj than the daemon may set, and reports the effective one",
  ]),
  ...of("test/updates.test.ts", "UpdateContainerResources", "the message is Docker's", [
    "reverts earlier changes if the kernel refuses a limit",
  ]),
  ...of("test/updates.test.ts", "UpdatePodSandboxResources", "Docker stores no resources of pods", [
    "is stored, shown, and passed on in a container's annotations",
    "is rejected for a stopped pod, and for an unknown one",
  ]),
];

/** What went other than the exceptions say: a test that is none failed, or one that is passed. */
export function surprises(files: readonly string[], failed: readonly Test[]): readonly string[] {
  const keyOf = ({ file, title }: Test) => `${file}: ${title}`;
  const expected = exceptions.filter(({ file, applies = true }) => applies && files.includes(file));
  const known = new Set(expected.map(keyOf));
  const found = new Set(failed.map(keyOf));
  return [
    ...[...found].filter((key) => !known.has(key)).map((key) => `failed, and should pass: ${key}`),
    ...expected
      .filter((each) => !found.has(keyOf(each)))
      .map((each) => `passed, although ${each.why}: ${keyOf(each)}`),
  ];
}

function of(file: string, suite: string, why: string, titles: readonly string[]): readonly Exception[] {
  return titles.map((title) => ({ file, title: `${suite} > ${title}`, why }));
}

function when(applies: boolean, all: readonly Exception[]): readonly Exception[] {
  return all.map((each) => ({ ...each, applies }));
}

/** capabilities(7). */
function hasAllCapabilities(): boolean {
  const [, bounding = "0"] = /^CapBnd:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  const last = BigInt(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8").trim());
  return BigInt(`0x${bounding}`) === (1n << (last + 1n)) - 1n;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NamespaceMode,
  RunPodSandboxRequest,
  SecurityProfile_ProfileType,
} from "../../../ground/protocol/index.ts";
import { CriError } from "../errors.ts";
import { podSandboxConfig } from "../testing/samples.ts";
import { runPodSandbox } from "./index.ts";

type Changes = NonNullable<Parameters<typeof podSandboxConfig>[0]>;
type Security = NonNullable<NonNullable<Changes["linux"]>["securityContext"]>;

function check(changes: Changes, runtimeHandler = ""): void {
  runPodSandbox(RunPodSandboxRequest.fromPartial({ config: podSandboxConfig(changes), runtimeHandler }));
}

function refuses(changes: Changes, message: string | RegExp, runtimeHandler = ""): void {
  assert.throws(
    () => check(changes, runtimeHandler),
    (error) => {
      assert.ok(error instanceof CriError);
      assert.equal(error.code, "InvalidArgument");
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

const metadata = { name: "web", uid: "u", namespace: "default" };
const withSecurity = (securityContext: Security): Changes => ({ linux: { securityContext } });

test("the config, its metadata, and the names in it must be there", () => {
  assert.throws(() => runPodSandbox(RunPodSandboxRequest.fromPartial({})), {
    message: "config: must be set",
  });
  refuses({ metadata: undefined }, "config.metadata: must be set");
  refuses({ metadata: { ...metadata, name: "" } }, "config.metadata.name: must not be empty");
  check({ metadata: { ...metadata, uid: "" } });
  refuses({ metadata: { ...metadata, namespace: "" } }, "config.metadata.namespace: must not be empty");
});

test("names are no paths and have no control characters", () => {
  refuses({ metadata: { ...metadata, name: ".." } }, 'config.metadata.name: must not be a path, is ".."');
  refuses({ metadata: { ...metadata, name: "a/b" } }, 'config.metadata.name: must not be a path, is "a/b"');
  refuses({ metadata: { ...metadata, uid: "a\nb" } }, /^config\.metadata\.uid: must not contain newlines/);
  refuses(
    { metadata: { ...metadata, namespace: "n".repeat(513) } },
    /namespace: must not be longer than 512 bytes, is 513$/,
  );
});

test("a NUL is refused wherever it stands", () => {
  refuses(
    { metadata: { ...metadata, name: "a\0b" } },
    "config.metadata.name: must not contain a NUL character",
  );
  refuses({ annotations: { "a/b": "x\0" } }, "config.annotations.a/b: must not contain a NUL character");
  refuses({ labels: { "a\0": "x" } }, "config.labels: must not contain a NUL character");
  refuses(
    { dnsConfig: { options: ["ndots:5", "\0"] } },
    "config.dns_config.options[1]: must not contain a NUL character",
  );
});

test("the log directory is empty or absolute, and has no parent components", () => {
  check({ logDirectory: "" });
  check({ logDirectory: "/var/log/pods/default_web_c0ffee" });
  check({ logDirectory: "/var/log/pods/a..b" });
  refuses({ logDirectory: "logs" }, 'config.log_directory: must be an absolute path, is "logs"');
  refuses(
    { logDirectory: "/var/log/../etc" },
    'config.log_directory: must not contain "..", is "/var/log/../etc"',
  );
  refuses({ logDirectory: "/var/log\n" }, /^config\.log_directory: must not contain newlines/);
});

test("the hostname is empty or fits into a UTS namespace", () => {
  check({ hostname: "" });
  check({ hostname: "web-1.web.default.svc.cluster.local" });
  check({ hostname: "h".repeat(64) });
  refuses({ hostname: "h".repeat(65) }, "config.hostname: must not be longer than 64 bytes, is 65");
  for (const hostname of ["web-1.web.default.svc.", "a..b", ".a", "a+b", "knoten-ä"]) check({ hostname });
  for (const hostname of ["a/b", "..", "a b", "a\nb"]) refuses({ hostname }, /^config\.hostname: must not/);
});

test("ports are between 0 and 65535, and one of the host leads to one of the pod", () => {
  check({
    portMappings: [
      { containerPort: 80 },
      { containerPort: 80, hostPort: 8080, hostIp: "127.0.0.1" },
      { containerPort: 53, hostIp: "::1" },
    ],
  });
  refuses(
    { portMappings: [{ containerPort: 65_536 }] },
    "config.port_mappings[0].container_port: must be between 0 and 65535, is 65536",
  );
  refuses({ portMappings: [{ containerPort: -1 }] }, /container_port: must be between/);
  refuses(
    { portMappings: [{ containerPort: 1 }, { hostPort: 80 }] },
    /^config\.port_mappings\[1\]\.container_port: must not be 0/,
  );
  refuses(
    { portMappings: [{ containerPort: 1, hostIp: "localhost" }] },
    "config.port_mappings[0].host_ip: must be an IP address",
  );
});

test("a number that no enum holds is refused", () => {
  const protocol = 7 as 0;
  refuses(
    { portMappings: [{ containerPort: 1, protocol }] },
    "config.port_mappings[0].protocol: must be one of TCP, UDP, SCTP, is 7",
  );
  const network = 9 as 0;
  refuses(
    withSecurity({ namespaceOptions: { network } }),
    /namespace_options\.network: must be one of POD, CONTAINER, NODE, is 9$/,
  );
});

test("names and addresses of resolv.conf have no white space, and no option a newline", () => {
  check({
    dnsConfig: {
      servers: ["10.0.0.10", "fe80::1%eth0"],
      searches: ["svc.cluster.local", "."],
      options: ["ndots:5", "timeout:1 attempts:2"],
    },
  });
  refuses(
    { dnsConfig: { searches: ["a b"] } },
    'config.dns_config.searches[0]: must not contain white space, is "a b"',
  );
  refuses(
    { dnsConfig: { servers: ["1.1.1.1\nnameserver 6.6.6.6"] } },
    /servers\[0\]: must not contain newlines/,
  );
  refuses(
    { dnsConfig: { options: ["ndots:5\nnameserver 6.6.6.6"] } },
    /options\[0\]: must not contain newlines/,
  );
});

test("sysctls have names that stay below /proc/sys", () => {
  check({
    linux: {
      sysctls: {
        "kernel.shm_rmid_forced": "1",
        "net/ipv4/conf/eth0.100/forwarding": "1",
        "net.ipv4.ip_local_port_range": "1024\t65000",
      },
    },
  });
  for (const name of ["", "..", "net/../../x", "net..ipv4", "/net", "net.ipv4.", "a b"]) {
    refuses(
      { linux: { sysctls: { [name]: "1" } } },
      /^config\.linux\.sysctls\[.*is not the name of a sysctl$/,
    );
  }
  refuses(
    { linux: { sysctls: { "kernel.msgmax": "1\n2" } } },
    'config.linux.sysctls["kernel.msgmax"]: must not contain newlines',
  );
});

test("the cgroup parent is a path or slice without parent components", () => {
  for (const cgroupParent of [
    "",
    "/kubepods/besteffort/pod1",
    "kubepods-besteffort-pod1.slice",
    "/test.slice",
  ])
    check({ linux: { cgroupParent } });
  refuses(
    { linux: { cgroupParent: "/kubepods/../../x" } },
    /^config\.linux\.cgroup_parent: must not contain "\.\."/,
  );
});

test("annotations may be as large as Kubernetes makes them, and not without end", () => {
  check({ annotations: { a: "x".repeat(256 * 1024) } });
  refuses(
    { annotations: { a: "x".repeat(1024 * 1024) } },
    "config.annotations: must not be larger than 1048576 bytes in all, is 1048577",
  );
});

test("a group without a user is allowed, as kubelets send it", () => {
  check(withSecurity({ runAsGroup: { value: 1000n } }));
  refuses(
    withSecurity({ runAsUser: { value: -1n } }),
    /run_as_user\.value: must be between 0 and 4294967294, is -1$/,
  );
});

test("joining another container's PID namespace needs its id", () => {
  check(withSecurity({ namespaceOptions: { pid: NamespaceMode.TARGET, targetId: "abc" } }));
  refuses(
    withSecurity({ namespaceOptions: { pid: NamespaceMode.TARGET } }),
    /target_id: must name a container when pid is TARGET$/,
  );
});

test("a user namespace is the pod's or the node's", () => {
  check(withSecurity({ namespaceOptions: { usernsOptions: { mode: NamespaceMode.NODE } } }));
  for (const mode of [NamespaceMode.CONTAINER, NamespaceMode.TARGET]) {
    refuses(
      withSecurity({ namespaceOptions: { usernsOptions: { mode } } }),
      /userns_options\.mode: must be one of POD, NODE/,
    );
  }
});

test("a pod sandbox has no cgroup namespace", () => {
  refuses(
    withSecurity({ namespaceOptions: { cgroupnsOptions: { mode: NamespaceMode.CONTAINER } } }),
    /namespace_options\.cgroupns_options: must not be set for a pod sandbox$/,
  );
});

test("a user namespace has the mappings that the kernel takes", () => {
  const mapping = (containerId: number, hostId: number, length: number) => ({ containerId, hostId, length });
  const all = mapping(0, 100_000, 65_536);
  const pod = (uids: object[], gids: object[] = [all], mode: NamespaceMode = NamespaceMode.POD) =>
    withSecurity({ namespaceOptions: { usernsOptions: { mode, uids, gids } } });
  check(pod([all]));
  check(pod([mapping(10, 5000, 10), mapping(0, 100_000, 10)]));
  check(pod([mapping(0, 0xffff_fffe, 1)]));
  refuses(pod([]), /userns_options\.uids: must map container_id 0 when mode is POD$/);
  refuses(pod([all], []), /userns_options\.gids: must map container_id 0/);
  refuses(pod([mapping(1, 1000, 10)]), /uids: must map container_id 0/);
  refuses(pod([mapping(0, 1000, 0)]), /uids\[0\]\.length: must be at least 1, is 0$/);
  refuses(pod([mapping(0, 0xffff_fffe, 2)]), /uids\[0\]\.length: .*host_id 4294967294 with length 2/);
  refuses(pod([mapping(0, 1000, 0xffff_ffff)]), /host_id 1000/);
  refuses(pod([all, mapping(65_535, 1000, 1)]), /uids: container_id: 65535 must be in one mapping only$/);
  refuses(pod([mapping(0, 1000, 10), mapping(10, 1009, 1)]), /uids: host_id: 1009 must be in one mapping/);
  refuses(pod([all], [], NamespaceMode.NODE), /uids: must be empty when mode is NODE$/);
  const many = Array.from({ length: 341 }, (_, index) => mapping(index, 1000 + index, 1));
  refuses(pod(many), /uids: must not have more than 340 entries, has 341$/);
});

test("a local security profile needs a name", () => {
  const profileType = SecurityProfile_ProfileType.Localhost;
  check(withSecurity({ seccomp: { profileType, localhostRef: "/var/lib/kubelet/seccomp/p.json" } }));
  refuses(withSecurity({ seccomp: { profileType } }), /seccomp\.localhost_ref: must name the profile/);
});

test("a runtime handler has the form of a name", () => {
  check({}, "crun");
  check({}, "kata-qemu.v2");
  refuses({}, 'runtime_handler: must be the name of a runtime handler, is "../x"', "../x");
});

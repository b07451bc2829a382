/** Runs other tests again with systemd, only cgroup v2, AppArmor and Debian's own kernel. */
for (const name of [
  "namespaces",
  "profile-pairs",
  "userns",
  "identity",
  "confinement",
  "mounts",
  "image-volumes",
  "devices",
  "stats",
])
  await import(`../${name}.test.ts`);

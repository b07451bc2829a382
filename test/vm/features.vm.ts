/** What the tests of other machines show, with systemd, cgroup v2 alone, AppArmor and Debian's own kernel. */
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

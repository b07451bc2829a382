/** The default snapshotter of tests of the whole daemon. */
export const testSnapshotter = process.env.BERTH_TEST_SNAPSHOTTER ?? "overlayfs";

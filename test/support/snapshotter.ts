/** What tests of the whole daemon run with, where they do not choose themselves. */
export const testSnapshotter = process.env.BERTH_TEST_SNAPSHOTTER ?? "overlayfs";

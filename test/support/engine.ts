/** The engine with which the tests' daemons run pods: BERTH_TEST_ENGINE, "native" unless it is "docker". */
export const testEngine = process.env.BERTH_TEST_ENGINE === "docker" ? "docker" : "native";

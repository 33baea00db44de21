/** The version of this package, which the agent reports in its hello. */
export const runtimeVersion = "0.1.0";

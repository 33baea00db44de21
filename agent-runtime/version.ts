/** The version of this package, which the agent says in its hello. */
export const runtimeVersion = "0.1.0";

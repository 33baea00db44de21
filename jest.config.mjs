export default {
  testEnvironment: "node",
  testEnvironmentOptions: { customExportConditions: ["armorclaw-source", "node", "node-addons"] },
  extensionsToTreatAsEsm: [".ts"],
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "/dist/"],
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.+/dist/"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "es6" } },
    ],
  },
  testTimeout: 30_000,
};

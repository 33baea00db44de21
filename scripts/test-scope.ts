import { isTest, type SourceFile, sourceFiles } from "./structure/source-files.ts";

/** Support files that start a part which `npm test` does not install: suites that reach one belong to `npm run test:all`. */
const needsMore =
  /^tests\/support\/(?:matrix\/synapse|voice\/(?:chromium|firefox|coturn|spoken)|engines\/(?:dockerd|killable-dockerd)|machine\/wine)\.ts$/;
/** The suites of an engine that `npm test` does not run. */
const dockerOnly = new Set(["tests/e2e/agent-output.test.ts"]);
/** Programs that a fresh machine may not have, and packages that a suite downloads. */
const startsMore = /"(?:socat|curl|python3|strace|systemd-analyze|script)"|npm install/;
/** Suites that take minutes, because they inject faults. */
const takesMinutes = /^tests\/(?:faults|windows)\//;

/** The suites of `npm test`: units, contract, conformance, and end to end on the sandbox. They need bubblewrap alone. */
export function quickSuites(): string[] {
  const files = new Map(sourceFiles().map((file) => [file.path, file]));
  return [...files.values()]
    .filter(({ path }) => path.endsWith(".test.ts") && !takesMinutes.test(path) && !dockerOnly.has(path))
    .filter((file) => {
      const reached = reachedSupport(file, files);
      return !reached.some(({ path, code }) => needsMore.test(path) || startsMore.test(code));
    })
    .map(({ path }) => path);
}

/** Suites with processes and real parts, which need the machine for themselves. */
const takesTheMachine = /^tests\/(?:e2e|faults|windows|conformance)\//;

/** Every suite: the units, and those that take the machine for themselves. */
export function allSuites(): { readonly units: string[]; readonly others: string[] } {
  const suites = sourceFiles()
    .map(({ path }) => path)
    .filter((path) => path.endsWith(".test.ts"));
  return {
    units: suites.filter((path) => !takesTheMachine.test(path)),
    others: suites.filter((path) => takesTheMachine.test(path)),
  };
}

/** The suite itself and the test files that it imports, directly or not. */
function reachedSupport(suite: SourceFile, files: ReadonlyMap<string, SourceFile>): SourceFile[] {
  const reached = new Set([suite]);
  for (const { imports } of reached) {
    for (const { target, isTypeOnly } of imports) {
      const file = target === undefined ? undefined : files.get(target);
      if (file !== undefined && isTest(file.path) && !isTypeOnly) reached.add(file);
    }
  }
  return [...reached];
}

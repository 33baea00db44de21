import { spawnSync } from "node:child_process";
import { describeIf } from "../machine/require-part.ts";

export type TestedEngine = "docker" | "sandbox" | "process";

const dockerHost = (): string | undefined => process.env["ARMORCLAW_TEST_DOCKER_HOST"];
export const hasBubblewrap = (): boolean => spawnSync("bwrap", ["--version"]).status === 0;

/** `npm test` sets ARMORCLAW_TEST_ENGINES to the engines that its scope has; every other run takes all of them. */
function isInScope(engine: TestedEngine): boolean {
  const scope = process.env["ARMORCLAW_TEST_ENGINES"];
  return scope === undefined || scope.split(",").includes(engine);
}

/** Runs the same tests on every engine. An engine that this machine lacks is reported in one line, and fails in CI. */
export function describeOnEngines(
  name: string,
  body: (engine: TestedEngine, env: () => Record<string, string>) => void,
  engines: readonly TestedEngine[] = ["sandbox", "docker", "process"],
): void {
  const conditions: Record<TestedEngine, readonly [boolean, string]> = {
    sandbox: [hasBubblewrap(), "bubblewrap is not installed"],
    docker: [dockerHost() !== undefined, "no Docker engine answers (npm test starts one when it may)"],
    process: [true, ""],
  };
  for (const engine of engines.filter(isInScope)) {
    const [has, reason] = conditions[engine];
    const env = (): Record<string, string> => (engine === "docker" ? { DOCKER_HOST: dockerHost() ?? "" } : {});
    describeIf(has, reason, `${name} (${engine})`, () => body(engine, env));
  }
}

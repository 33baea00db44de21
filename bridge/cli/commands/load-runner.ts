import type { Runner } from "../core/invocation.ts";
import type { Found } from "./find-command.ts";

/** Imports what runs a command. */
export type RunnerLoader = () => Promise<Runner>;

const config = () => import("./config.ts");
const budget = () => import("./budget.ts");

/** The runner of each command that is not one method, loaded when it is called. The entry has those of `run` and `backup`. */
const ownRunners: ReadonlyMap<string, RunnerLoader> = new Map<string, RunnerLoader>([
  ["events", async () => (await import("./events.ts")).run],
  ["top", async () => (await import("./top.ts")).run],
  ["rpc call", async () => (await import("./rpc-call.ts")).run],
  ["matrix download", async () => (await import("./matrix-download.ts")).run],
  ["budget set", async () => (await budget()).set],
  ["budget unset", async () => (await budget()).unset],
  ["budget topup", async () => (await budget()).topup],
  ["budget report", async () => (await budget()).report],
  ["doctor", async () => (await import("../doctor/doctor.ts")).run],
  ["config show", async () => (await config()).show],
  ["config validate", async () => (await config()).validate],
  ["config schema", async () => (await config()).schema],
  ["completion", async () => (await import("./completion.ts")).run],
  ["version", async () => (await import("./version.ts")).run],
  ["help", async () => (await import("./help.ts")).run],
]);

export async function loadRunner(found: Found): Promise<Runner> {
  const { name, method } = found;
  if (method !== undefined) {
    const { methodRunner } = await import("./method-call.ts");
    const run = methodRunner(found, method);
    return name === "panic" ? (await import("./panic.ts")).panicRunner(run) : run;
  }
  const load = ownRunners.get(name);
  if (load === undefined) throw new Error(`The command ${name} has nothing to run`);
  return load();
}

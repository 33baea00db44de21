import type { Runner } from "../core/invocation.ts";
import { isMethodCommand } from "./command.ts";
import type { Found } from "./find-command.ts";

type Loader = () => Promise<Runner>;

const config = () => import("./config.ts");
const budget = () => import("./budget.ts");

/** What each command of the command line itself does; loaded when it is run. `run` is the daemon: the entry starts it. */
const ownRunners: ReadonlyMap<string, Loader> = new Map<string, Loader>([
  ["events", async () => (await import("./events.ts")).run],
  ["top", async () => (await import("./top.ts")).run],
  ["rpc call", async () => (await import("./rpc-call.ts")).run],
  ["matrix download", async () => (await import("./matrix-download.ts")).run],
  ["budget set", async () => (await budget()).set],
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

export async function loadRunner({ name, command, method, flags }: Found): Promise<Runner> {
  if (method !== undefined) {
    const { methodRunner } = await import("./method-call.ts");
    return methodRunner(
      method,
      flags,
      command !== undefined && isMethodCommand(command) ? command.defaults : undefined,
    );
  }
  const load = ownRunners.get(name);
  if (load === undefined) throw new Error(`The command ${name} has nothing to run`);
  return load();
}

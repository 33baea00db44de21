import { type MethodName, methods } from "@armorclaw/protocol";
import { isConnectionLost } from "../core/cli-connection.ts";
import { exitCodes } from "../core/exit-codes.ts";
import type { FlagSpec } from "../core/flags.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { checkParams } from "../core/method-flags.ts";
import { withAbsoluteTimes } from "../core/relative-time.ts";
import { withSecrets } from "../core/secret-input.ts";
import { UsageError } from "../core/usage-error.ts";
import { renderItem, renderResult } from "../render/renderers.ts";
import type { Found } from "./find-command.ts";
import { isMethodCommand } from "./table/command.ts";

/** Methods that concern their own connection. Each command opens a connection, which ends with the command. */
const connectionBound: Readonly<Partial<Record<MethodName, string>>> = {
  "event.subscribe": "The subscription ended with this command; `armorclaw events --follow` keeps one open",
  "event.unsubscribe": "A subscription belongs to a connection, and this command's connection had none",
  "rpc.cancel": "A call belongs to a connection, and this command's connection had no other",
  "rpc.stream_credit": "A stream belongs to a connection, and this command's connection had none",
};

/** Calls a method with the params that its flags and the command's defaults give, and prints the result. */
export function methodRunner(found: Found, method: MethodName): Runner {
  const { command, flags } = found;
  const defaults = command !== undefined && isMethodCommand(command) ? command.defaults : {};
  return async (invocation) => {
    if (isBare(found, invocation)) throw missingArgument(found, found.args);
    const given = { ...defaults, ...withAbsoluteTimes(invocation.values, flags, invocation.io.now()) };
    const params = await withSecrets(
      given,
      flags,
      (flag) => needsSecret(method, flag, given, invocation),
      invocation,
      method === "keystore.rekey",
    );
    for (const flag of flags) {
      if (!flag.required || Object.hasOwn(params, flag.key)) continue;
      const word = found.args.split(" ")[found.positional.indexOf(flag.key)];
      if (word !== undefined) throw missingArgument(found, word);
      throw new UsageError(`--${flag.name} is missing`, "Add --help to list the flags");
    }
    checkParams(method, params);
    return "stream" in methods[method] ? runStream(method, params, invocation) : runCall(method, params, invocation);
  };
}

/** Whether a command that needs an argument has neither one nor a flag. */
const isBare = ({ args }: Found, { values }: Invocation): boolean =>
  args !== "" && !args.startsWith("[") && Object.keys(values).length === 0;

const missingArgument = ({ name, args }: Found, word: string): UsageError =>
  new UsageError(`${word} is missing`, `Write \`armorclaw ${name} ${args}\``);

/** Whether the command must ask for a secret that was not given. */
async function needsSecret(
  method: MethodName,
  flag: FlagSpec,
  given: Readonly<Record<string, unknown>>,
  { connect }: Invocation,
): Promise<boolean> {
  if (flag.required === true) return true;
  if (method === "keystore.rotate") return given["id"] !== undefined;
  if (method === "matrix.login") return flag.key === "password" && given["username"] !== undefined;
  if (method === "keystore.rekey") return (given["source"] ?? "passphrase") === "passphrase";
  if (method !== "keystore.unlock") return false;
  const status = (await (await connect()).call("keystore.status", {})) as { source?: unknown };
  return status.source === "passphrase";
}

/** Calls a method and prints its result. */
export async function runCall(method: string, params: unknown, { connect, out }: Invocation): Promise<number> {
  const connection = await connect();
  const result = await connection.call(method, params);
  if (out.isJson) out.json(result);
  else out.text(renderResult(method, result, out.view()));
  const note = Object.hasOwn(connectionBound, method) ? connectionBound[method as MethodName] : undefined;
  if (note !== undefined) out.notice(note);
  const { status } = (result ?? {}) as { status?: unknown };
  if (method === "bridge.doctor" && status === "trouble") return exitCodes.failed;
  return method === "bridge.health" && status === "degraded" ? exitCodes.degraded : exitCodes.ok;
}

/** Prints each item of a streaming method. A followed log continues after a restart of the bridge. */
export async function runStream(
  method: string,
  params: Readonly<Record<string, unknown>>,
  { connect, out }: Invocation,
): Promise<number> {
  const follows = method === "agent.logs" && params["follow"] === true;
  const connection = await connect({ reconnect: follows });
  let lastTime = "";
  for (let current = params; ; ) {
    try {
      for await (const item of connection.stream(method, current)) {
        const time = timeOf(item);
        if (follows && current !== params && time <= lastTime) continue;
        lastTime = time;
        if (out.isJson) out.json(item);
        else out.text(renderItem(method, item, out.view()));
      }
      return exitCodes.ok;
    } catch (error) {
      if (!follows || !isConnectionLost(error)) throw error;
      out.notice("The connection to the bridge was lost; waiting for it to come back");
      const agentStarted = { channels: [`agent.${String(params["agent_id"])}.started`], cursor: 0 };
      for await (const _ of connection.events(agentStarted, () => {})) break;
      out.notice("The bridge and the agent are back");
      current = { ...params, tail: 1_000 };
    }
  }
}

const timeOf = (item: unknown): string => String((item as { time?: unknown }).time ?? "");

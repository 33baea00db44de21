import { methods } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import { parseJson } from "../core/flags.ts";
import type { Runner } from "../core/invocation.ts";
import { UsageError } from "../core/usage-error.ts";
import { runStream } from "./method-call.ts";

/** `armorclaw rpc call METHOD [JSON|@-]`: sends the params unchanged; the bridge checks them. Prints the result as JSON. */
export const run: Runner = async (invocation) => {
  const [method, json = "{}"] = invocation.positionals;
  if (method === undefined) {
    throw new UsageError("rpc call needs a method", "`armorclaw rpc discover` lists the methods");
  }
  const params = parseJson(json === "@-" ? await invocation.readStdin() : json, "The params");
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new UsageError("The params must be a JSON object", 'Write e.g. \'{"agent_id":"heartbeat-1"}\'');
  }
  const isStream = Object.hasOwn(methods, method) && "stream" in methods[method as keyof typeof methods];
  if (isStream) return runStream(method, params as Record<string, unknown>, invocation);
  const connection = await invocation.connect();
  const result = await connection.call(method, params);
  const { out } = invocation;
  if (out.isJson) out.json(result);
  else out.text(JSON.stringify(result, null, 2));
  return exitCodes.ok;
};

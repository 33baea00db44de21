import { methods } from "@armorclaw/protocol";
import { builtinMethods } from "../rpc/index.ts";

/** Every method that the bridge serves. */
export const contract = { ...builtinMethods, ...methods };

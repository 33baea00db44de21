import { methods } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { formatArgs, parseArgs } from "../core/flags.ts";
import { globalFlags } from "../core/global-flags.ts";
import { commandNameOf, methodFlags, methodNames, methodOfCommand } from "../core/method-flags.ts";

describe("a method as a command", () => {
  test.each(methodNames)("%s: the flags of its example are parsed back to the example's params", async (name) => {
    const { params } = methods[name].example;
    const { flags: specs } = methodFlags(name);
    const args = formatArgs(params, specs);
    // A secret is read from stdin, so a method has at most one.
    const secret = specs.find((spec) => spec.secret === true)?.key ?? "";
    const stdin = String((params as Record<string, unknown>)[secret] ?? "");
    expect(await parseArgs(args, specs, () => Promise.resolve(stdin))).toEqual({ values: params, positionals: [] });
  });

  test.each(methodNames)("%s: is found under its own name, and none of its flags hides a global flag", (name) => {
    const [domain = "", verb = ""] = commandNameOf(name).split(" ");
    expect(methodOfCommand(domain, verb)).toBe(name);
    const global = globalFlags.map((flag) => flag.name);
    expect(methodFlags(name).flags.filter((flag) => global.includes(flag.name))).toEqual([]);
  });

  test("takes its one required param, or its first id, without a flag", () => {
    expect(methodFlags("agent.start").positional).toEqual(["agent_type"]);
    expect(methodFlags("agent.stop").positional).toEqual(["agent_id"]);
    expect(methodFlags("access.explain").positional).toEqual(["principal", "method"]);
    expect(methodFlags("bridge.status").positional).toEqual([]);
  });
});

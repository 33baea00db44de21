import { methods } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { methodNames } from "../commands/command-names.ts";
import { globalFlags } from "../commands/command-table.ts";
import { type FlagSpec, formatArgs, parseArgs } from "./flags.ts";
import { commandNameOf, methodFlags, methodOfCommand } from "./method-flags.ts";

const flags: readonly FlagSpec[] = [
  { name: "follow", key: "follow", kind: "boolean", short: "f", description: "" },
  { name: "tail", key: "tail", kind: "number", description: "" },
  { name: "channel", key: "channels", kind: "list", description: "" },
  { name: "level", key: "level", kind: "string", choices: ["low", "high"], description: "" },
  { name: "data", key: "data", kind: "json", description: "" },
  { name: "name", key: "name", kind: "string", description: "" },
];
const parse = (args: string[], stdin = "") => parseArgs(args, flags, () => Promise.resolve(stdin));

describe("parseArgs()", () => {
  test("understands short flags, both ways to give a value, repetition, negation and --", async () => {
    const { values, positionals } = await parse([
      "a",
      "-f",
      "--tail=5",
      "--channel",
      "x.>",
      "--channel=y",
      "--data",
      '{"k":[1]}',
      "--",
      "--tail",
    ]);
    expect(values).toEqual({ follow: true, tail: 5, channels: ["x.>", "y"], data: { k: [1] } });
    expect(positionals).toEqual(["a", "--tail"]);
    expect((await parse(["--no-follow"])).values).toEqual({ follow: false });
    expect((await parse(["--tail", "-1"])).values).toEqual({ tail: -1 });
  });

  test("reads @- from stdin", async () => {
    expect((await parse(["--data", "@-"], '{"a":1}\n')).values).toEqual({ data: { a: 1 } });
    expect((await parse(["--name=@-"], "s3cret\n")).values).toEqual({ name: "s3cret" });
  });

  test.each([
    [["--folow"], "Unknown flag --folow", "Did you mean --follow?"],
    [["-x"], "Unknown flag -x", "Add --help to see the flags"],
    [["--tail"], "--tail needs a value", "Write --tail N"],
    [["--name", "--follow"], "--name needs a value", "Write --name TEXT"],
    [["--tail", "many"], "--tail must be a number, not many", "Write --tail N"],
    [["--level", "middle"], "--level cannot be middle", "It is one of low, high"],
    [["--follow=1"], "--follow takes no value", "Write --follow, or --no-follow"],
  ])("refuses %j", async (args, message, remedy) => {
    await expect(parse(args)).rejects.toMatchObject({ code: "USAGE", message, remedy });
  });
});

describe("a method as a command", () => {
  test.each(methodNames)("%s: its example's params come back from their flags", async (name) => {
    const { params } = methods[name].example;
    const { flags: specs } = methodFlags(name);
    const args = formatArgs(params, specs);
    // A secret travels by stdin, and there is one at most.
    const secret = specs.find((spec) => spec.secret === true)?.key ?? "";
    const stdin = String((params as Record<string, unknown>)[secret] ?? "");
    expect(await parseArgs(args, specs, () => Promise.resolve(stdin))).toEqual({ values: params, positionals: [] });
  });

  test.each(methodNames)("%s: is found under its own name, and no flag of it hides a global one", (name) => {
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

import { describe, expect, test } from "@jest/globals";
import { type FlagSpec, parseArgs } from "./flags.ts";

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
    expect(await parse(["-f", "-12", "-"])).toEqual({ values: { follow: true }, positionals: ["-12", "-"] });
  });

  test("reads @- from stdin", async () => {
    expect((await parse(["--data", "@-"], '{"a":1}\n')).values).toEqual({ data: { a: 1 } });
    expect((await parse(["--name=@-"], "s3cret\n")).values).toEqual({ name: "s3cret" });
  });

  test.each([
    [["--folow"], "Unknown flag --folow", "Did you mean --follow?"],
    [["-x"], "Unknown flag -x", "Add --help to list the flags"],
    [["--tail"], "--tail needs a value", "Write --tail N"],
    [["--name", "--follow"], "--name needs a value", "Write --name TEXT"],
    [["--tail", "many"], "--tail must be a number, not many", "Write --tail N"],
    [["--level", "middle"], "--level cannot be middle", "It is one of low, high"],
    [["--follow=1"], "--follow takes no value", "Write --follow, or --no-follow"],
  ])("refuses %j", async (args, message, remedy) => {
    await expect(parse(args)).rejects.toMatchObject({ code: "USAGE", message, remedy });
  });
});

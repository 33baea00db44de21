// `npm run nightly -- windows`: gets Wine and Windows Node, runs tests/windows/suite.ts there, and ends with one line that counts its tests.
import { provideWine, runOnWindows, wineIsThere } from "../tests/support/machine/wine.ts";
import { provision } from "./provision.ts";

const say = (line: string) => process.stderr.write(`[windows] ${line}\n`);

provision(process.env, say, ["bwrap"]);
const reason = await provideWine(process.env, say);
if (!wineIsThere()) {
  say(reason ?? "Wine could not be installed");
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
} else {
  const outcomes = await runOnWindows(say);
  const failed = outcomes.filter(({ ok }) => !ok);
  for (const { name, why } of failed) say(`failed: ${name}: ${why}`);
  process.stdout.write(`${outcomes.length - failed.length} passed, ${failed.length} failed\n`);
  if (failed.length > 0) process.exitCode = 1;
}

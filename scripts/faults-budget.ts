// `npm run nightly -- budget`: the race on one dollar at its full size. `--json` prints the figures, `--runs N` makes it shorter.
import { parseArgs } from "node:util";
import { race } from "../tests/support/budget/budget-race.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, runs: { type: "string", default: "100" } },
});
const figures = await race({ runs: Number(values.runs), workers: 64, reservationsEach: 1_000, kills: 2 });
process.stdout.write(
  values.json
    ? `${JSON.stringify(figures)}\n`
    : `${Object.entries(figures)
        .map(([name, value]) => `${name.padEnd(22)} ${value}`)
        .join("\n")}\n`,
);
if (figures.overshoot_nano_usd > 0 || figures.leaked > 0 || figures.counters_wrong > 0) process.exitCode = 1;

// Runs inside Windows Node: `node suite.mjs OUTCOMES`. The programs that it starts are bundled beside it.
import { writeFileSync } from "node:fs";
import { bridgeChecks } from "./bridge-checks.ts";
import { Checks } from "./checks.ts";
import { wireChecks } from "./wire-checks.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);
const wire = new Checks(say);
const bridge = new Checks(say);
const tracks = [wire.check("the fixture server's checks ran to their end", () => wireChecks(wire))];
tracks.push(bridge.check("the bridge's checks ran to their end", () => bridgeChecks(bridge)));
await Promise.all(tracks);
writeFileSync(process.argv[2] ?? "outcomes.json", JSON.stringify([...bridge.outcomes, ...wire.outcomes]));

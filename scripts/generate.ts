// Writes docs/reference/ from the contract, the command table and the configuration's schema; with --check it only
// compares, and exits with 1 when a file is stale.
import { mkdirSync, writeFileSync } from "node:fs";
import { reference, referenceDirectory, staleFiles } from "./reference/reference.ts";

const stale = staleFiles();
if (process.argv.includes("--check")) {
  if (stale.length > 0) {
    process.stderr.write(`Stale in docs/reference/: ${stale.join(", ")}. Run \`npm run generate\` and commit.\n`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(referenceDirectory, { recursive: true });
  for (const [name, text] of reference()) writeFileSync(new URL(name, referenceDirectory), text);
  process.stdout.write(stale.length === 0 ? "docs/reference/ is current\n" : `Wrote ${stale.join(", ")}\n`);
}

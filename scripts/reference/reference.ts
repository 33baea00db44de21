import { readFileSync } from "node:fs";
import { openRpcDocument } from "@armorclaw/protocol/openrpc";
import { configJsonSchema } from "../../bridge/config/index.ts";
import { errorsPage, eventsPage, methodsPage, typesPage } from "./contract-pages.ts";
import { cliPage, configPage, limitsPage } from "./program-pages.ts";

export const referenceDirectory = new URL("../../docs/reference/", import.meta.url);

/** Returns the text of each page by its file name. The text depends on the sources alone. */
export function reference(): ReadonlyMap<string, string> {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version }: { version: string } = JSON.parse(manifest);
  return new Map([
    ["methods.md", methodsPage()],
    ["events.md", eventsPage()],
    ["types.md", typesPage()],
    ["errors.md", errorsPage()],
    ["cli.md", cliPage()],
    ["config.md", configPage()],
    ["limits.md", limitsPage()],
    ["openrpc.json", jsonFile(openRpcDocument(version))],
    ["config.schema.json", jsonFile(configJsonSchema())],
  ]);
}

/** Returns the committed files that differ from the generated ones. */
export function staleFiles(): string[] {
  return [...reference()].filter(([name, text]) => readCommitted(name) !== text).map(([name]) => name);
}

function readCommitted(name: string): string | undefined {
  try {
    return readFileSync(new URL(name, referenceDirectory), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const jsonFile = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repositoryRoot = fileURLToPath(new URL("../../", import.meta.url));

export interface Import {
  readonly specifier: string;
  /** The imported file's path from the root, when the import is relative. */
  readonly target: string | undefined;
  readonly isTypeOnly: boolean;
}

export interface SourceFile {
  /** The path from the root, e.g. `bridge/rpc/rpc.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** Returns every TypeScript and JavaScript file of the repository, including new files. */
export function sourceFiles(root: string = repositoryRoot): SourceFile[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mjs"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = [...new Set(list.split("\n"))].filter((path) => path !== "").sort();
  return paths.flatMap((path) => {
    const text = readIfThere(join(root, path));
    if (text === undefined) return [];
    const code = withoutComments(text);
    return [{ path, text, code, imports: importsOf(path, code) }];
  });
}

export const isTest = (path: string): boolean => path.endsWith(".test.ts") || path.startsWith("tests/");

/** Counts the lines of `text` that are code: no import, type declaration, comment or blank line. */
export function codeLines(text: string): number {
  const code = withoutComments(text)
    .replaceAll(/^import\s[^;]*;$/gm, "")
    .replaceAll(/^(?:export\s+)?interface\s[^{]*\{[\s\S]*?^\}$/gm, "")
    .replaceAll(/^(?:export\s+)?type\s[^;]*;$/gm, "");
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

function importsOf(path: string, code: string): Import[] {
  const found = [...code.matchAll(/(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^"';]*?from\s+)?"([^"]+)"/g)];
  const dynamic = [...code.matchAll(/\bimport\("([^"]+)"\)/g)];
  return [
    ...found.map(([, , type, specifier = ""]) => resolveImport(path, specifier, type !== undefined)),
    ...dynamic.map(([, specifier = ""]) => resolveImport(path, specifier, false)),
  ];
}

function resolveImport(path: string, specifier: string, isTypeOnly: boolean): Import {
  const target = specifier.startsWith(".") ? join(dirname(path), specifier) : undefined;
  return { specifier, target, isTypeOnly };
}

/** This is exact enough for the architecture test: a `//` or `/*` inside a string counts as a comment only at a line's or word's start. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/[^\n]*/g, "$1");
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

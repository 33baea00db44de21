import { readFileSync } from "node:fs";
import { descriptor, type FlagSpec } from "./flags.ts";
import type { Invocation } from "./invocation.ts";
import type { CliIo } from "./io.ts";
import { UsageError } from "./usage-error.ts";

const secretBytesMax = 65_536;

/** The params with the secrets that were asked for, from a descriptor, the terminal (`twice`, where a slip would lock out) or stdin. */
export async function withSecrets(
  params: Readonly<Record<string, unknown>>,
  flags: readonly FlagSpec[],
  wanted: (flag: FlagSpec) => Promise<boolean> | boolean,
  { io, readStdin }: Pick<Invocation, "io" | "readStdin">,
  twice = false,
): Promise<Record<string, unknown>> {
  const filled: Record<string, unknown> = { ...params };
  for (const flag of flags.filter(({ secret }) => secret === true)) {
    const given = filled[flag.key];
    const fd = typeof given === "string" ? descriptor.exec(given)?.[1] : undefined;
    if (fd !== undefined) filled[flag.key] = readDescriptor(Number(fd), flag);
    else if (given === undefined && (await wanted(flag))) filled[flag.key] = await ask(flag, io, readStdin, twice);
  }
  return filled;
}

async function ask(flag: FlagSpec, io: CliIo, readStdin: () => Promise<string>, twice: boolean): Promise<string> {
  const text = io.promptSecret === undefined ? await readStdin() : await io.promptSecret(`${flag.name}: `);
  if (twice && io.promptSecret !== undefined && (await io.promptSecret(`${flag.name}, once more: `)) !== text)
    throw new UsageError("They are not the same", "Nothing was changed; try again");
  return checked(text.replace(/\r?\n$/, ""), flag);
}

function readDescriptor(fd: number, flag: FlagSpec): string {
  try {
    return checked(readFileSync(fd, "utf8").replace(/\r?\n$/, ""), flag);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`--${flag.name}: descriptor ${fd} cannot be read (${code})`, "Open it, e.g. 3< file");
  }
}

function checked(text: string, flag: FlagSpec): string {
  if (text === "") throw new UsageError(`No ${flag.name} came`, `Send it on stdin, or give --${flag.name} @fd:3`);
  if (Buffer.byteLength(text) > secretBytesMax)
    throw new UsageError(`The ${flag.name} is longer than 64 KiB`, "Is it the right file?");
  return text;
}

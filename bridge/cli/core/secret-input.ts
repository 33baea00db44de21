import { readFileSync } from "node:fs";
import { descriptor, type FlagSpec } from "./flags.ts";
import type { Invocation } from "./invocation.ts";
import type { CliIo } from "./io.ts";
import { UsageError } from "./usage-error.ts";

const secretBytesMax = 65_536;

/** Adds the secrets to the params, from a descriptor, the terminal or stdin. `twice` asks again, where a typing error would lock the person out. */
export async function withSecrets(
  params: Readonly<Record<string, unknown>>,
  flags: readonly FlagSpec[],
  isNeeded: (flag: FlagSpec) => Promise<boolean> | boolean,
  { io, readStdin }: Pick<Invocation, "io" | "readStdin">,
  twice = false,
): Promise<Record<string, unknown>> {
  const filled: Record<string, unknown> = { ...params };
  for (const flag of flags.filter(({ secret }) => secret === true)) {
    const given = filled[flag.key];
    const fd = typeof given === "string" ? descriptor.exec(given)?.[1] : undefined;
    if (fd !== undefined) filled[flag.key] = readDescriptor(Number(fd), flag);
    else if (given === undefined && (await isNeeded(flag))) filled[flag.key] = await ask(flag, io, readStdin, twice);
  }
  return filled;
}

async function ask(flag: FlagSpec, io: CliIo, readStdin: () => Promise<string>, twice: boolean): Promise<string> {
  const text = io.promptSecret === undefined ? await readStdin() : await io.promptSecret(`${flag.name}: `);
  if (twice && io.promptSecret !== undefined && (await io.promptSecret(`${flag.name}, again: `)) !== text)
    throw new UsageError(`The two values of ${flag.name} differ`, "Try again; nothing was changed");
  return checked(text.replace(/\r?\n$/, ""), flag);
}

function readDescriptor(fd: number, flag: FlagSpec): string {
  try {
    return checked(readFileSync(fd, "utf8").replace(/\r?\n$/, ""), flag);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `--${flag.name}: descriptor ${fd} cannot be read (${code})`,
      `Open it in the shell, e.g. ${fd}< FILE`,
    );
  }
}

function checked(text: string, flag: FlagSpec): string {
  if (text === "")
    throw new UsageError(`The ${flag.name} is empty`, `Send it on stdin, or pass a descriptor: --${flag.name} @fd:3`);
  if (Buffer.byteLength(text) > secretBytesMax)
    throw new UsageError(`The ${flag.name} is longer than 64 KiB`, "Check that this is the right file");
  return text;
}

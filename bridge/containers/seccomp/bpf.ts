import { endianness } from "node:os";
import { type ArgumentRule, EPERM, type SeccompProfile } from "./seccomp.ts";
import type { SyscallTable } from "./syscalls.ts";
import { syscallsArm64 } from "./syscalls-arm64.ts";
import { syscallsX64 } from "./syscalls-x64.ts";

/** One classic BPF instruction: code, jump if true, jump if false, operand. */
type Instruction = [code: number, jumpTrue: number, jumpFalse: number, operand: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const give = (action: number): Instruction => [0x06, 0, 0, action];
const ifEqual = (value: number, jumpTrue: number, jumpFalse: number): Instruction => [0x15, jumpTrue, jumpFalse, value];
const ifAtLeast = (value: number, jumpTrue: number, jumpFalse: number): Instruction => [
  0x35,
  jumpTrue,
  jumpFalse,
  value,
];

// Offsets in struct seccomp_data, and the kernel's answers.
const numberOffset = 0;
const architectureOffset = 4;
const argumentsOffset = 16;
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;
/** Numbers from here on are the x32 ABI's, a second set of numbers for the same calls. */
const x32Bit = 0x40000000;

interface Architecture {
  readonly audit: number;
  readonly table: SyscallTable;
}
const architectures: Readonly<Record<string, Architecture>> = {
  x64: { audit: 0xc000003e, table: syscallsX64 },
  arm64: { audit: 0xc00000b7, table: syscallsArm64 },
};

/** Compiles a profile for the kernel; undefined for an architecture whose system calls are not known here. */
export function compileSeccomp(profile: SeccompProfile, arch: string): Buffer | undefined {
  const architecture = architectures[arch];
  if (architecture === undefined || endianness() !== "LE") return undefined;
  const { plain, conditional } = sortRules(profile, architecture.table);
  return encode([
    load(architectureOffset),
    ifEqual(architecture.audit, 1, 0),
    give(killProcess),
    load(numberOffset),
    ifAtLeast(x32Bit, 0, 1),
    give(killProcess),
    ...conditional.flatMap(([number, argument]) => checkArgument(number, argument)),
    ...search(toRanges(plain)),
  ]);
}

function sortRules(profile: SeccompProfile, table: SyscallTable) {
  const plain = new Map<number, number>();
  const conditional: [number, ArgumentRule][] = [];
  for (const { names, errno, argument } of profile.rules) {
    for (const name of names) {
      const number = table.get(name);
      if (number === undefined) continue;
      if (argument !== undefined) conditional.push([number, argument]);
      else plain.set(number, errno === undefined ? allow : refuse(errno));
    }
  }
  return { plain, conditional };
}

/** Both halves of the 64-bit argument are compared: the kernel may use bits that a 32-bit compare does not see. */
function checkArgument(number: number, { index, value, mask }: ArgumentRule): Instruction[] {
  const low = argumentsOffset + index * 8;
  const compare = (offset: number, part: (n: number) => number): Instruction[] => [
    load(offset),
    ...(mask === undefined ? [] : [and(part(mask))]),
    ifEqual(part(value), 0, 0),
  ];
  const body = [
    ...compare(low + 4, (n) => Math.floor(n / 0x1_0000_0000)),
    ...compare(low, (n) => n % 0x1_0000_0000),
    give(allow),
  ];
  // A compare that fails goes to the instruction after `give(allow)`, which restores the number and goes on.
  body.forEach((instruction, at) => {
    if (instruction[0] === 0x15) instruction[2] = body.length - 1 - at;
  });
  return [ifEqual(number, 0, body.length + 1), ...body, load(numberOffset)];
}

interface Range {
  readonly from: number;
  readonly action: number;
}

/** Adjacent numbers with the same answer become one range; numbers without a rule are refused. */
function toRanges(plain: ReadonlyMap<number, number>): readonly Range[] {
  const ranges: Range[] = [];
  const last = Math.max(...plain.keys()) + 1;
  for (let number = 0; number <= last; number++) {
    const action = plain.get(number) ?? refuse(EPERM);
    if (ranges.at(-1)?.action !== action) ranges.push({ from: number, action });
  }
  return ranges;
}

function search(ranges: readonly Range[]): Instruction[] {
  const middle = Math.ceil(ranges.length / 2);
  const right = ranges[middle];
  const only = ranges[0];
  if (right === undefined || only === undefined) return [give(only?.action ?? refuse(EPERM))];
  const below = search(ranges.slice(0, middle));
  if (below.length > 255) throw new Error("The seccomp filter needs a longer jump than classic BPF allows");
  return [ifAtLeast(right.from, below.length, 0), ...below, ...search(ranges.slice(middle))];
}

function encode(program: readonly Instruction[]): Buffer {
  const buffer = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, operand], at) => {
    buffer.writeUInt16LE(code, at * 8);
    buffer.writeUInt8(jumpTrue, at * 8 + 2);
    buffer.writeUInt8(jumpFalse, at * 8 + 3);
    buffer.writeUInt32LE(operand >>> 0, at * 8 + 4);
  });
  return buffer;
}

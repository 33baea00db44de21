import { describe, expect, test } from "@jest/globals";
import { compileSeccomp } from "./bpf.ts";
import { loopProfile, toDockerProfile } from "./seccomp.ts";
import { syscallsArm64 } from "./syscalls-arm64.ts";
import { syscallsX64 } from "./syscalls-x64.ts";

const x64 = 0xc000003e;
const allow = 0x7fff0000;
const kill = 0x80000000;
const errno = (number: number) => 0x00050000 + number;

/** Runs a classic BPF program like the kernel. */
function run(program: Buffer, audit: number, number: number, argument = 0n): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(audit, 4);
  data.writeBigUInt64LE(argument, 16);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const [code, yes, no] = [program.readUInt16LE(at * 8), program[at * 8 + 2] ?? 0, program[at * 8 + 3] ?? 0];
    const operand = program.readUInt32LE(at * 8 + 4);
    if (code === 0x06) return operand;
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x15) at += accumulator === operand ? yes : no;
    else if (code === 0x35) at += accumulator >= operand ? yes : no;
    else throw new Error(`Unknown instruction ${code}`);
  }
}

function compiled(arch: string): Buffer {
  const program = compileSeccomp(loopProfile, arch);
  if (program === undefined) throw new Error(`No filter for ${arch}`);
  return program;
}

describe("the compiled filter", () => {
  const program = compiled("x64");
  const call = (name: string, argument?: bigint) => run(program, x64, syscallsX64.get(name) ?? -1, argument);

  test("allows every unconditional call of the profile and refuses every other number", () => {
    const allowed = new Set(
      loopProfile.rules
        .filter(({ errno, argument }) => errno === undefined && argument === undefined)
        .flatMap(({ names }) => names.map((name) => syscallsX64.get(name))),
    );
    const special = new Set(
      ["clone", "socket", "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"].map((name) =>
        syscallsX64.get(name),
      ),
    );
    for (let number = 0; number < 600; number++)
      if (!special.has(number))
        expect([number, run(program, x64, number)]).toEqual([number, allowed.has(number) ? allow : errno(1)]);
  });

  test("allows Unix sockets only, and compares all 64 bits", () => {
    expect(call("socket", 1n)).toBe(allow);
    for (const domain of [2n, 10n, 16n, 17n, 40n, 0x1_0000_0001n]) expect(call("socket", domain)).toBe(errno(1));
  });

  test("allows threads but no child process", () => {
    expect(call("clone", 0x3d0f00n)).toBe(allow);
    expect(call("clone", 17n)).toBe(errno(1));
    expect(call("clone3")).toBe(errno(38));
  });

  test("kills calls of another architecture or of x32", () => {
    expect(run(program, 0x40000003, 1)).toBe(kill);
    expect(run(program, x64, 0x40000000 + 1)).toBe(kill);
  });

  test("exists for arm64 and for nothing unknown", () => {
    expect(run(compiled("arm64"), 0xc00000b7, syscallsArm64.get("read") ?? -1)).toBe(allow);
    expect(run(compiled("arm64"), 0xc00000b7, syscallsArm64.get("socket") ?? -1, 2n)).toBe(errno(1));
    expect(compileSeccomp(loopProfile, "mips")).toBeUndefined();
  });
});

test("every name of the profile is a system call", () => {
  const unknown = loopProfile.rules.flatMap(({ names }) => names).filter((name) => !syscallsX64.has(name));
  expect(unknown).toEqual([]);
});

test("Docker's form refuses by default and names one architecture", () => {
  const profile = JSON.parse(toDockerProfile(loopProfile, "x64"));
  expect(profile).toMatchObject({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1 });
  expect(profile.archMap).toEqual([{ architecture: "SCMP_ARCH_X86_64", subArchitectures: [] }]);
  const clone = profile.syscalls.find(({ names }: { names: string[] }) => names.includes("clone"));
  expect(clone.args).toEqual([{ index: 0, value: 0x10000, valueTwo: 0x10000, op: "SCMP_CMP_MASKED_EQ" }]);
});

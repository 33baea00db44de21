/** One system call with its number and arguments; a string argument is passed as a pointer to it. */
export interface RawCall {
  readonly name: string;
  readonly number: number;
  readonly args?: readonly (number | bigint | string)[];
}

const base = 0x400000n;
const headerBytes = 64 + 56;

/** The registers of a system call's arguments on x86-64: the opcode that loads 64 bits into each. */
const loadArgument = ["48bf", "48be", "48ba", "49ba", "49b8", "49b9"];

const ready = "ready\n";
/** The pause before the first attack, so that the container can be attested. */
const settleMs = 300n;

/** Two letters per call: the errno's high and low half, counted from `A`; `AA` for a call that succeeded. */
const bytesPerResult = 2;

/**
 * Returns a program for Linux on x86-64 without any library, which makes these system calls one after the other and prints what
 * each answered. It needs no compiler and runs in any container. It prints `ready` first, as a probe of a sandbox does, and
 * stays when it is done.
 */
export function attackProgram(calls: readonly RawCall[]): Buffer {
  const strings: Buffer[] = [];
  const codeBytes = assemble(calls, () => 0n, 0n).length;
  const resultsAt = base + BigInt(headerBytes + codeBytes);
  let stringsAt = resultsAt + BigInt(calls.length * bytesPerResult + 1 + ready.length);
  const place = (text: string): bigint => {
    const at = stringsAt;
    const bytes = Buffer.from(`${text}\0`);
    strings.push(bytes);
    stringsAt += BigInt(bytes.length);
    return at;
  };
  const code = assemble(calls, place, resultsAt);
  const results = Buffer.from(`${"?".repeat(calls.length * bytesPerResult)}\n${ready}`);
  const body = Buffer.concat([code, results, ...strings]);
  return Buffer.concat([header(body.length), body]);
}

/** Parses the program's output: the errno by the call's name, 0 for success. */
export function readResults(calls: readonly RawCall[], line: string): Map<string, number> {
  const letter = (at: number) => line.charCodeAt(at) - 65;
  return new Map(calls.map(({ name }, index) => [name, letter(index * 2) * 16 + letter(index * 2 + 1)]));
}

function assemble(calls: readonly RawCall[], place: (text: string) => bigint, resultsAt: bigint): Buffer {
  const parts = calls.map(({ number, args = [] }, index) =>
    [
      ...args.map(
        (value, at) => `${loadArgument[at]}${imm64(typeof value === "string" ? place(value) : BigInt(value))}`,
      ),
      `48b8${imm64(BigInt(number))}0f05`,
      `48bb${imm64(resultsAt + BigInt(index * bytesPerResult))}`,
      // test rax,rax; jns +5; neg rax; jmp +2; xor eax,eax
      "4885c0790548f7d8eb0231c0",
      // mov rcx,rax; shr al,4; add al,'A'; mov [rbx],al; and cl,15; add cl,'A'; mov [rbx+1],cl
      "4889c1c0e8040441880380e10f80c141884b01",
    ].join(""),
  );
  const resultBytes = BigInt(calls.length * bytesPerResult + 1);
  const begin = [
    systemCall(1n, [1n, resultsAt + resultBytes, BigInt(ready.length)]),
    systemCall(7n, [0n, 0n, settleMs]),
  ];
  const end = [systemCall(1n, [1n, resultsAt, resultBytes]), systemCall(7n, [0n, 0n, -1n])];
  return Buffer.from([...begin, ...parts, ...end].join(""), "hex");
}

const systemCall = (number: bigint, args: readonly bigint[]): string =>
  `${args.map((value, at) => `${loadArgument[at]}${imm64(value)}`).join("")}48b8${imm64(number)}0f05`;

function imm64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  return bytes.toString("hex");
}

/** Returns an executable of one segment that is readable, writable and executable. */
function header(bodyBytes: number): Buffer {
  const elf = Buffer.alloc(headerBytes);
  elf.write("7f454c46020101", 0, "hex");
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(62, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(base + BigInt(headerBytes), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64);
  elf.writeUInt32LE(7, 68);
  elf.writeBigUInt64LE(base, 80);
  elf.writeBigUInt64LE(base, 88);
  elf.writeBigUInt64LE(BigInt(headerBytes + bodyBytes), 96);
  elf.writeBigUInt64LE(BigInt(headerBytes + bodyBytes), 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return elf;
}

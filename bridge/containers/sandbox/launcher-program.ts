type Call = "mknodat" | "mount" | "prctl" | "prlimit64" | "setgroups" | "setresgid" | "setresuid" | "unshare";

/** From Linux's system call tables. */
const numbers: Readonly<Record<string, Readonly<Record<Call, number>>>> = {
  x64: {
    mknodat: 259,
    mount: 165,
    prctl: 157,
    prlimit64: 302,
    setgroups: 116,
    setresgid: 119,
    setresuid: 117,
    unshare: 272,
  },
  arm64: {
    mknodat: 33,
    mount: 40,
    prctl: 167,
    prlimit64: 261,
    setgroups: 159,
    setresgid: 149,
    setresuid: 147,
    unshare: 97,
  },
};

// From the Linux headers, the same on both architectures.
const newMounts = 0x20000;
const noNewPrivileges = 38;
const characterDevice = 0o020000;
const currentDirectory = -100;
const resources = { openFiles: 7, coreFile: 4, messageQueues: 12 } as const;
const mountFlags = {
  readOnly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  bind: 0x1000,
  recursive: 0x4000,
  private: 0x40000,
} as const;

export type MountFlag = keyof typeof mountFlags;

/** What goes wrong is one line of error output, and the process ends. Texts are copied, as system calls might write to them. */
const prelude = [
  'sub failed { die "$_[0]: $!\\n" }',
  "sub call { my ($what, $number, @values) = @_; syscall($number, @values) == -1 and failed($what) }",
  'sub put { my $file; open($file, ">", $_[0]) && syswrite($file, $_[1]) && close($file) or failed($_[0]) }',
];

/**
 * The steps that a process takes before it becomes another program, each a line for Perl: the interpreter that Debian
 * and its kin always have and that makes system calls. With a program for each step they took a tenth of a start.
 */
export function launcherSteps(arch: string) {
  const known = numbers[arch];
  if (known === undefined) throw new Error(`No system call numbers are known for ${arch}`);
  const call = (what: string, name: Call, ...values: readonly (number | string)[]) => {
    const words = values.map((value) => (typeof value === "number" ? value : quote(value)));
    return `call(${[quote(what), known[name], ...words].join(", ")});`;
  };
  const mount = (target: string, parts: MountParts) => {
    const bits = parts.flags.reduce((sum, flag) => sum | mountFlags[flag], 0);
    const { source = "none", type = "none", options = "" } = parts;
    return call(`mount ${target}`, "mount", source, target, type, bits, options);
  };
  return {
    mount,
    write: (file: string, text: string) => `put(${quote(file)}, ${quote(text)});`,
    /** Soft and hard, so that it is not undone. */
    limit: (resource: keyof typeof resources, most: number) =>
      `call(${quote(`limit ${resource}`)}, ${known.prlimit64}, 0, ${resources[resource]}, pack("QQ", ${most}, ${most}), 0);`,
    /** From here on what it mounts is seen by itself and its children alone. */
    ownMounts: () => [call("a mount namespace", "unshare", newMounts), mount("/", { flags: ["recursive", "private"] })],
    link: (path: string, target: string) => `symlink(${quote(target)}, ${quote(path)}) or failed(${quote(path)});`,
    device: (path: string, [major, minor]: readonly [number, number]) => [
      call(`mknod ${path}`, "mknodat", currentDirectory, path, characterDevice, (major << 8) | minor),
      `chmod(${0o666}, ${quote(path)}) or failed(${quote(path)});`,
    ],
    /** Becomes this user for good, in no other group than its own, and gains no rights by what it runs. */
    become: (id: number) => [
      call("setgroups", "setgroups", 0, 0),
      call("setgid", "setresgid", id, id, id),
      call("setuid", "setresuid", id, id, id),
      call("no new privileges", "prctl", noNewPrivileges, 1, 0, 0, 0),
    ],
  };
}

interface MountParts {
  readonly flags: readonly MountFlag[];
  readonly source?: string;
  readonly type?: string;
  readonly options?: string;
}

/**
 * The arguments that make Perl take the steps and become `program`. It gets its options by a pipe, whose descriptor
 * `--args` names, as bubblewrap reads them: no command line shows them.
 */
export function launcherProgram(
  steps: readonly string[],
  program: string,
  options: readonly string[],
  args: readonly string[],
): string[] {
  const handOver = [
    "$^F = 255;",
    "pipe(my $from, my $to) or failed('pipe');",
    `my $options = join("\\0", ${options.map(quote).join(", ")});`,
    "syswrite($to, $options) == length($options) or failed('pipe');",
    "close($to);",
  ];
  const words = [quote(program), "'--args'", "fileno($from)", ...args.map(quote)].join(", ");
  return ["-e", [...prelude, ...steps, ...handOver, `exec(${words}) or failed(${quote(program)});`].join("\n")];
}

const quote = (text: string): string => `'${text.replaceAll(/[\\']/g, "\\$&")}'`;

import { exitCodes } from "../core/exit-codes.ts";
import type { FlagSpec } from "../core/flags.ts";
import { globalFlags } from "../core/global-flags.ts";
import type { Runner } from "../core/invocation.ts";
import { UsageError } from "../core/usage-error.ts";
import { allCommandNames, flagsOfCommand } from "./command-names.ts";

/** `armorclaw completion bash|zsh|fish`. */
export const run: Runner = async ({ io, positionals }) => {
  const [shell = ""] = positionals;
  if (!Object.hasOwn(scripts, shell)) {
    throw new UsageError(
      shell === "" ? "completion needs a shell" : `There is no completion for ${shell}`,
      "Name bash, zsh or fish, e.g. `source <(armorclaw completion bash)`",
    );
  }
  io.stdout.write(completionScript(shell as Shell));
  return exitCodes.ok;
};

/** What can follow: a first word → its second words; a command → its flags; a flag → its values. All words are plain: letters and hyphens. */
interface Words {
  readonly first: readonly string[];
  readonly second: ReadonlyMap<string, readonly string[]>;
  readonly flags: ReadonlyMap<string, readonly string[]>;
  /** Of the flags that have a fixed set of values in any command. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The flags whose value is a file or a directory. */
  readonly files: readonly string[];
}

function words(): Words {
  const names = allCommandNames();
  const second = Map.groupBy(
    names.filter((name) => name.includes(" ")),
    (name) => name.slice(0, name.indexOf(" ")),
  );
  const all = names.flatMap(flagsOfCommand);
  const withChoices = Map.groupBy(
    all.filter(({ choices }) => choices !== undefined),
    ({ name }) => `--${name}`,
  );
  return {
    values: new Map(
      [...withChoices].map(([flag, specs]) => [flag, [...new Set(specs.flatMap(({ choices = [] }) => choices))]]),
    ),
    files: [...new Set([...all, ...globalFlags].filter(isOfFile).map(({ name }) => `--${name}`))],
    first: [...new Set(names.map((name) => name.split(" ")[0] ?? name))],
    second: new Map([...second].map(([head, members]) => [head, members.map((name) => name.slice(head.length + 1))])),
    flags: new Map(
      names.map((name) => [name, [...flagsOfCommand(name), ...globalFlags].map((flag) => `--${flag.name}`)]),
    ),
  };
}

const isOfFile = ({ placeholder = "" }: FlagSpec): boolean => /^(?:FILE|DIR|PATH)$/.test(placeholder);

const cases = (map: ReadonlyMap<string, readonly string[]>, wordCount = 1): string =>
  [...map]
    .filter(([key]) => key.split(" ").length === wordCount)
    .map(([key, list]) => `    "${key}") choices="${list.join(" ")}" ;;`)
    .join("\n");

/** Shared by bash and zsh: sets `choices` from the first words (`one`, `two`), the word before the cursor (`prev`) and the one under it (`here`). */
const choose = ({ first, second, flags, values }: Words): string => `  local choices=""
  case "$prev" in
${cases(values)}
  *)
  case "$here" in
  -*)
    case "$one $two" in
${cases(flags, 2)}
    *)
    case "$one" in
${cases(flags, 1)}
    esac ;;
    esac ;;
  *)
    case "$one" in
    "") choices="${first.join(" ")}" ;;
${cases(second)}
    esac
    [ -n "$two" ] && choices="" ;;
  esac ;;
  esac`;

const scripts = {
  bash: (all: Words): string => `# bash completion for armorclaw
_armorclaw() {
  local here="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" one="" two=""
  case "$prev" in
  ${all.files.join("|")}) COMPREPLY=( $(compgen -f -- "$here") ); return ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] && one="\${COMP_WORDS[1]}"
  [ "$COMP_CWORD" -gt 2 ] && two="\${COMP_WORDS[2]}"
${choose(all)}
  COMPREPLY=( $(compgen -W "$choices" -- "$here") )
}
complete -F _armorclaw armorclaw
`,
  zsh: (all: Words): string => `#compdef armorclaw
_armorclaw() {
  local here="\${words[CURRENT]}" prev="\${words[CURRENT-1]}" one="" two=""
  case "$prev" in
  ${all.files.join("|")}) _files; return ;;
  esac
  [ "$CURRENT" -gt 2 ] && one="\${words[2]}"
  [ "$CURRENT" -gt 3 ] && two="\${words[3]}"
${choose(all)}
  compadd -- \${=choices}
}
compdef _armorclaw armorclaw
`,
  fish: ({ first, second, flags, values, files }: Words): string =>
    [
      "# fish completion for armorclaw",
      "complete -c armorclaw -f",
      `complete -c armorclaw -n __fish_use_subcommand -a "${first.join(" ")}"`,
      ...[...second].map(
        ([head, list]) =>
          `complete -c armorclaw -n "__fish_seen_subcommand_from ${head}; and not __fish_seen_subcommand_from ${list.join(" ")}" -a "${list.join(" ")}"`,
      ),
      ...[...flags].flatMap(([name, list]) => {
        const seen = name
          .split(" ")
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join("; and ");
        return list.map((flag) => {
          const choices = values.get(flag);
          const value = choices !== undefined ? ` -x -a "${choices.join(" ")}"` : files.includes(flag) ? " -r -F" : "";
          return `complete -c armorclaw -n "${seen}" -l ${flag.slice(2)}${value}`;
        });
      }),
      "",
    ].join("\n"),
};

export type Shell = keyof typeof scripts;

/** Generates the script from the command table and the contract. */
const completionScript = (shell: Shell): string => scripts[shell](words());

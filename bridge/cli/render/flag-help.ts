import { type FlagSpec, placeholderOf } from "../core/flags.ts";

/** One line of help for each flag. */
export function flagLines(flags: readonly FlagSpec[]): string[] {
  const heads = flags.map(flagHead);
  const width = Math.min(40, Math.max(0, ...heads.map((head) => head.length)));
  return flags.map((flag, index) => `  ${(heads[index] ?? "").padEnd(width)}  ${flagText(flag)}`.trimEnd());
}

/** `-f, --follow`, `--tail N`. */
export function flagHead(flag: FlagSpec): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const isOn = flag.kind === "boolean" && flag.default === true;
  return `${short}--${isOn ? "[no-]" : ""}${flag.name} ${placeholderOf(flag)}`.trimEnd();
}

/** What a flag does, whether it is required, and its default. */
export function flagText(flag: FlagSpec): string {
  const choices =
    flag.choices !== undefined && flag.placeholder !== undefined ? `One of ${flag.choices.join(", ")}.` : "";
  const rest =
    flag.required === true
      ? "Required."
      : flag.default === undefined
        ? ""
        : `Default: ${JSON.stringify(flag.default)}.`;
  const time = flag.isTime === true ? "RFC 3339, or e.g. 5m for five minutes ago." : "";
  return [flag.description, choices, time, rest].filter((part) => part !== "").join(" ");
}

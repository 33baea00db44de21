import { parseSync } from "@swc/core";
import { analyse } from "scslre";
import { type States, statesOf } from "./expression-states.ts";

/** A regular expression in a file. */
export interface Expression {
  readonly pattern: string;
  readonly flags: string;
}

/** Returns the literals of a file, and how often the file builds an expression from text. */
export function expressionsOf(text: string): { readonly literals: readonly Expression[]; readonly made: number } {
  const literals: Expression[] = [];
  let made = 0;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const one of node) visit(one);
    if (typeof node !== "object" || node === null || Array.isArray(node)) return;
    const { type, pattern, flags, callee } = node as Readonly<Record<string, unknown>>;
    if (type === "RegExpLiteral") literals.push({ pattern: String(pattern), flags: String(flags) });
    if ((type === "NewExpression" || type === "CallExpression") && isNamed(callee, "RegExp")) made += 1;
    for (const member of Object.values(node)) visit(member);
  };
  visit(parseSync(text, { syntax: "typescript", target: "esnext" }));
  return { literals, made };
}

const isNamed = (node: unknown, name: string): boolean =>
  (node as { readonly type?: string; readonly value?: string } | undefined)?.value === name;

/**
 * Returns why matching may take more than linear time in the length of the text; undefined when it does not.
 * `scslre` finds repetitions that share characters. It does not find a match that starts again within its own repetition, such as
 * `ab*c` in `ababab`: the second half finds those.
 */
export function slowness({ pattern, flags }: Expression): string | undefined {
  const [report] = analyse(new RegExp(pattern, flags)).reports;
  if (report !== undefined)
    return `it tries ${report.type === "Trade" ? report.startQuant.raw : report.quant.raw} again and again`;
  // A sticky expression is tried at one position alone.
  if (flags.includes("y")) return undefined;
  const states = statesOf(pattern, flags);
  for (const state of states.repeated) {
    for (const pump of restarts(states, state)) {
      if (!isFoundEarly(new RegExp(pattern, flags.replaceAll(/[gy]/g, "")), pump, states))
        return `it starts again at each ${JSON.stringify(pump)}`;
    }
  }
  return undefined;
}

const pumpMax = 40;
const copies = 50;

/** Returns texts that lead from `state` to itself, and from a new beginning of the expression to `state`, too. */
function* restarts(states: States, state: number): Generator<string> {
  const waiting = -1;
  const { alphabet, start, size, step } = states;
  for (let first = 0; first < alphabet.length; first++) {
    const queue = [{ fresh: waiting, old: state, before: first, text: "" }];
    const seen = new Set<number>();
    for (const { fresh, old, before, text } of queue) {
      if (text.length > pumpMax) break;
      for (let character = 0; character < alphabet.length; character++) {
        const olds = step(old, before, character);
        if (olds.size === 0) continue;
        const freshes =
          fresh === waiting ? [waiting, ...step(start, before, character)] : step(fresh, before, character);
        for (const nextOld of olds) {
          for (const nextFresh of freshes) {
            const longer = text + (alphabet[character] ?? "");
            if (nextOld === state && nextFresh === state && character === first) yield longer;
            const key = ((nextFresh + 1) * size + nextOld) * alphabet.length + character;
            if (seen.has(key)) continue;
            seen.add(key);
            queue.push({ fresh: nextFresh, old: nextOld, before: character, text: longer });
          }
        }
      }
    }
  }
}

/** Returns whether the expression always matches the whole repeated text from its beginning, so that it never tries the rest. */
function isFoundEarly(expression: RegExp, pump: string, { alphabet }: States): boolean {
  return ["", ...alphabet].every((end) => {
    const found = expression.exec(pump.repeat(copies) + end);
    return found !== null && found.index <= 2 * pump.length && found[0].length >= (copies - 4) * pump.length;
  });
}

import { type AST, RegExpParser } from "@eslint-community/regexpp";

/** A transition from a state: over a character of a class, or without a character where `guard` allows it. */
interface Edge {
  readonly to: number;
  /** The indices of the characters that the transition consumes; undefined when it consumes none. */
  readonly over?: ReadonlySet<number>;
  /** @param before the character before this place, `after` the character after it */
  readonly guard?: (before: string, after: string) => boolean;
}

/** A regular expression as a state machine, over one character of each kind that the expression distinguishes. */
export interface States {
  readonly alphabet: readonly string[];
  readonly start: number;
  readonly size: number;
  /** The states within unbounded repetitions. */
  readonly repeated: ReadonlySet<number>;
  /** Returns the states after one more character. */
  step(state: number, before: number, character: number): ReadonlySet<number>;
}

/** Counted repetitions are shortened: only unbounded ones grow with the text. */
const copiesMax = 2;
const always = ["a", "A", "0", "_", "-", " ", "\n", ".", "é", "😀"];
const isWord = (character: string): boolean => /\w/.test(character);

export function statesOf(pattern: string, flags: string): States {
  const tree = new RegExpParser({ ecmaVersion: 2025 }).parsePattern(pattern, 0, pattern.length, {
    unicode: flags.includes("u"),
    unicodeSets: flags.includes("v"),
  });
  const alphabet = alphabetOf(tree, flags);
  const edges: Edge[][] = [];
  const repeated = new Set<number>();
  const add = (): number => edges.push([]) - 1;
  const link = (from: number, edge: Edge) => edges[from]?.push(edge);
  const accepted = (raw: string): ReadonlySet<number> => {
    const one = new RegExp(`^(?:${raw})$`, flags.replaceAll(/[gymd]/g, ""));
    return new Set(alphabet.flatMap((character, index) => (one.test(character) ? [index] : [])));
  };

  const sequence = (elements: readonly AST.Element[], from: number): number =>
    elements.reduce((at, element) => build(element, at), from);
  const choice = (alternatives: readonly AST.Alternative[], from: number): number => {
    const end = add();
    for (const { elements } of alternatives) link(sequence(elements, from), { to: end });
    return end;
  };
  const repeat = ({ min, max, element }: AST.Quantifier, from: number): number => {
    let at = from;
    for (let copy = 0; copy < Math.min(min, copiesMax); copy++) at = build(element, at);
    const end = add();
    if (max === Number.POSITIVE_INFINITY) {
      const loop = add();
      link(at, { to: loop });
      link(build(element, loop), { to: loop });
      for (let state = loop; state < edges.length; state++) repeated.add(state);
      link(loop, { to: end });
      return end;
    }
    link(at, { to: end });
    for (let copy = 0; copy < Math.min(max - min, copiesMax); copy++) {
      at = build(element, at);
      link(at, { to: end });
    }
    return end;
  };
  const build = (element: AST.Element | AST.QuantifiableElement, from: number): number => {
    switch (element.type) {
      case "Group":
      case "CapturingGroup":
        return choice(element.alternatives, from);
      case "Quantifier":
        return repeat(element, from);
      case "Assertion": {
        const end = add();
        link(from, { to: end, guard: guardOf(element, flags.includes("m")) });
        return end;
      }
      case "Backreference":
        return from;
      default: {
        const end = add();
        link(from, { to: end, over: accepted(element.raw) });
        return end;
      }
    }
  };
  const start = add();
  choice(tree.alternatives, start);
  return { alphabet, start, repeated, size: edges.length, step: stepper(edges, alphabet) };
}

/** The characters around a position decide whether an assertion holds. An assertion that depends on more text counts as true. */
function guardOf(assertion: AST.Assertion, isMultiline: boolean): Edge["guard"] & {} {
  switch (assertion.kind) {
    case "start":
      return (before) => isMultiline && before === "\n";
    case "end":
      return (_, after) => isMultiline && after === "\n";
    case "word":
      return (before, after) => (isWord(before) === isWord(after)) === assertion.negate;
    default:
      return () => true;
  }
}

function stepper(edges: readonly (readonly Edge[])[], alphabet: readonly string[]): States["step"] {
  const known = new Map<number, ReadonlySet<number>>();
  return (state, before, character) => {
    const key = (state * alphabet.length + before) * alphabet.length + character;
    const found = known.get(key) ?? walk(edges, state, alphabet[before] ?? "", alphabet[character] ?? "", character);
    known.set(key, found);
    return found;
  };
}

function walk(edges: readonly (readonly Edge[])[], from: number, before: string, after: string, character: number) {
  const reached = new Set<number>();
  const seen = new Set([from]);
  for (const state of seen) {
    for (const { to, over, guard } of edges[state] ?? []) {
      if (over?.has(character) === true) reached.add(to);
      else if (over === undefined && guard?.(before, after) !== false) seen.add(to);
    }
  }
  return reached;
}

const isOneCharacter = ({ type }: AST.Element): boolean =>
  type === "Character" || type === "CharacterSet" || type === "CharacterClass";

/** Returns one character of each kind: characters that no part of the expression distinguishes count once. */
function alphabetOf(tree: AST.Pattern, flags: string): string[] {
  const codes = new Set<number>();
  const tests: RegExp[] = [/\w/, /\n/];
  const noteCodes = (node: AST.Element | AST.CharacterClassElement | AST.UnicodeSetsCharacterClassElement) => {
    if (node.type === "Character") for (const near of [-1, 0, 1]) codes.add(Math.max(0, node.value + near));
    if (node.type === "CharacterClassRange") for (const one of [node.min, node.max]) noteCodes(one);
  };
  const visit = (node: AST.Element) => {
    noteCodes(node);
    if (isOneCharacter(node)) tests.push(new RegExp(`^(?:${node.raw})$`, flags.replaceAll(/[gymd]/g, "")));
    if (node.type === "CharacterClass") for (const one of node.elements) noteCodes(one);
    if (node.type === "Quantifier") visit(node.element);
    if ("alternatives" in node) for (const { elements } of node.alternatives) for (const one of elements) visit(one);
  };
  for (const { elements } of tree.alternatives) for (const one of elements) visit(one);
  const byKind = new Map<string, string>();
  for (const character of [...always, ...[...codes].map((code) => String.fromCodePoint(code))]) {
    const kind = tests.map((test) => (test.test(character) ? 1 : 0)).join("");
    if (!byKind.has(kind)) byKind.set(kind, character);
  }
  return [...byKind.values()];
}

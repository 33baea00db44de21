/** The streams of a terminal that the prompt uses. */
export interface PromptTerminal {
  readonly input: NodeJS.ReadStream;
  readonly output: { write(text: string): unknown };
}

const enter = /[\r\n\u0004]/;
const interrupt = "\u0003";
const erase = /^[\u007f\b]$/;

/** Asks on the terminal without showing what is typed. Ctrl-C rejects. */
export function promptHidden(question: string, { input, output }: PromptTerminal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = "";
    const finish = (settle: () => void) => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      settle();
    };
    const onData = (chunk: Buffer | string) => {
      for (const character of chunk.toString()) {
        if (character === interrupt) return finish(() => reject(new Error("Interrupted")));
        if (enter.test(character)) return finish(() => resolve(typed));
        typed = erase.test(character) ? typed.slice(0, -1) : typed + character;
      }
    };
    output.write(question);
    input.setRawMode(true);
    input.on("data", onData);
    input.resume();
  });
}

import { agentsCommands } from "./agents.ts";
import { bridgeCommands } from "./bridge.ts";
import { budgetCommands } from "./budget.ts";
import type { Command } from "./command.ts";
import { eventCommands } from "./events.ts";
import { matrixCommands } from "./matrix.ts";
import { rightsCommands } from "./rights.ts";
import { toolsCommands } from "./tools.ts";

/** Every command that is not just a method under its own name. It imports no runner, so that help is quick. */
export const commands: readonly Command[] = [
  ...bridgeCommands,
  ...agentsCommands,
  ...eventCommands,
  ...rightsCommands,
  ...budgetCommands,
  ...matrixCommands,
  ...toolsCommands,
];

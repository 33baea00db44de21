import type { Command } from "./command.ts";
import { agentsCommands } from "./table/agents.ts";
import { bridgeCommands } from "./table/bridge.ts";
import { budgetCommands } from "./table/budget.ts";
import { eventCommands } from "./table/events.ts";
import { matrixCommands } from "./table/matrix.ts";
import { rightsCommands } from "./table/rights.ts";
import { toolsCommands } from "./table/tools.ts";

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

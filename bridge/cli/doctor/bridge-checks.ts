import type { MethodName, Result } from "@armorclaw/protocol";
import type { CliConnection } from "../core/cli-connection.ts";
import { describeFailure } from "../core/failure.ts";
import { judgeAgents, judgeBudget, judgeKeystore, judgeMatrix } from "./assessments.ts";
import { type Finding, trouble } from "./finding.ts";

/** A part of the bridge that hangs is told as such, and holds up nothing else. */
export const answerDeadlineMs = 15_000;

interface Question<M extends MethodName> {
  readonly name: string;
  readonly method: M;
  readonly params?: object;
  judge(result: Result<M>): readonly Finding[];
}

const question = <M extends MethodName>(asked: Question<M>) => asked as Question<MethodName>;

const questions = [
  question({ name: "agents", method: "agent.list", judge: judgeAgents }),
  question({ name: "bridge", method: "bridge.doctor", judge: ({ checks }) => checks }),
  question({ name: "keystore", method: "keystore.status", judge: judgeKeystore }),
  question({ name: "budget", method: "budget.status", judge: judgeBudget }),
  question({ name: "matrix", method: "matrix.status", judge: judgeMatrix }),
];

/** Everything that the bridge can tell of itself, asked at once. */
export async function askBridge(connection: CliConnection): Promise<Finding[]> {
  const answers = questions.map(async ({ name, method, params = {}, judge }): Promise<readonly Finding[]> => {
    try {
      return judge((await connection.call(method, params, answerDeadlineMs)) as Result<MethodName>);
    } catch (error) {
      const { message, remedy } = describeFailure(error);
      return [trouble(name, `${method}: ${message}`, remedy)];
    }
  });
  return (await Promise.all(answers)).flat();
}

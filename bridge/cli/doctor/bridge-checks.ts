import type { MethodName, Result } from "@armorclaw/protocol";
import type { CliConnection } from "../core/cli-connection.ts";
import { describeFailure } from "../core/failure.ts";
import { assessAgents, assessBudget, assessKeystore, assessMatrix } from "./assessments.ts";
import { type Finding, trouble } from "./finding.ts";

/** A call that takes longer becomes a finding; the other checks do not wait for it. */
export const callDeadlineMs = 15_000;

interface Check<M extends MethodName> {
  readonly name: string;
  readonly method: M;
  readonly params?: object;
  assess(result: Result<M>): readonly Finding[];
}

const check = <M extends MethodName>(one: Check<M>) => one as Check<MethodName>;

const bridgeChecks = [
  check({ name: "agents", method: "agent.list", assess: assessAgents }),
  check({ name: "bridge", method: "bridge.doctor", assess: ({ checks }) => checks }),
  check({ name: "keystore", method: "keystore.status", assess: assessKeystore }),
  check({ name: "budget", method: "budget.status", assess: assessBudget }),
  check({ name: "matrix", method: "matrix.status", assess: assessMatrix }),
];

/** The findings that the bridge itself can give. All its methods are called at once. */
export async function checkBridgeParts(connection: CliConnection): Promise<Finding[]> {
  const findings = bridgeChecks.map(async ({ name, method, params = {}, assess }): Promise<readonly Finding[]> => {
    try {
      return assess((await connection.call(method, params, callDeadlineMs)) as Result<MethodName>);
    } catch (error) {
      const { message, remedy } = describeFailure(error);
      return [trouble(name, `${method}: ${message}`, remedy)];
    }
  });
  return (await Promise.all(findings)).flat();
}

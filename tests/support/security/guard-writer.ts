// Writes to a store until it is killed, and prints each acknowledged write on a line of stdout.
import { writeSync } from "node:fs";
import { guardsOn } from "./guard-store.ts";

const [directory = "", limit = "Infinity"] = process.argv.slice(2);
const guards = await guardsOn(directory);
const say = (line: string) => void writeSync(1, `${line}\n`);
say("ready");

for (let step = 0; step < Number(limit); step++) {
  try {
    await oneStep(`${process.pid}-${step}`, step);
  } catch (error) {
    say(`error ${(error as { code?: string }).code ?? String(error)}`);
  }
}
try {
  await guards.close();
  say("closed");
} catch (error) {
  say(`error ${(error as { code?: string }).code ?? String(error)}`);
}

/** Writes a key, an audit record, and an approval that is requested, given and used, with other writes in the same commit. */
async function oneStep(name: string, step: number): Promise<void> {
  const { keystore, audit, approvals, secret } = guards;
  const id = `key-${step % 20}`;
  const question = { requester: "agent:a-1", method: "http.request", request: JSON.stringify(name) };
  const act = { principal: "user:0", method: "keystore.store", params: { id }, correlationId: name };
  const [stored, asked] = await Promise.all([
    audit.record(
      act,
      async () => (await keystore.put({ id, provider: "openai", value: secret(`${id} ${name}`) })).info,
    ),
    approvals.request(question),
  ]);
  say(`stored ${stored.id} ${stored.version} ${name}`);
  say(`recorded ${name}`);
  say(`asked ${asked.id}`);
  await approvals.answer("approved", { id: asked.id, by: "user:0" });
  say(`approved ${asked.id}`);
  await approvals.demand(question);
  say(`used ${asked.id}`);
  if (step % 50 === 49) say(`rotated ${await keystore.rotateMaster()}`);
}

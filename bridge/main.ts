/** The process's entry. `run` is the daemon, `backup verify` and `backup restore` work without one; each is loaded when it is called. */
export async function main(): Promise<void> {
  const [{ processIo, runCli }, { systemClock }] = await Promise.all([
    import("./cli/index.ts"),
    import("./platform/clock.ts"),
  ]);
  process.exitCode = await runCli(process.argv.slice(2), processIo(process, systemClock.now), {
    run: async () => (await import("./entry/run.ts")).run,
    "backup verify": async () => (await import("./entry/backup.ts")).verify,
    "backup restore": async () => (await import("./entry/backup.ts")).restore,
  });
}

/** The process's entry: `run` is the daemon, everything else a client of it. Each is loaded only when it is wanted. */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv[0] === "run" && !argv.includes("--help")) {
    const { runForeground } = await import("./entry/run.ts");
    process.exitCode = await runForeground(argv.slice(1));
    return;
  }
  const [{ runCli }, { processIo }, { systemClock }] = await Promise.all([
    import("./cli/run-cli.ts"),
    import("./cli/core/io.ts"),
    import("./platform/clock.ts"),
  ]);
  const io = processIo(process, systemClock.now);
  if (argv[0] === "backup" && /^(?:verify|restore)$/.test(argv[1] ?? "") && !argv.includes("--help")) {
    const { runBackup } = await import("./entry/backup.ts");
    process.exitCode = await runBackup(argv.slice(1), process.env, io);
    return;
  }
  process.exitCode = await runCli(argv, io);
}

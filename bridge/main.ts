/** The process's entry: `run` is the daemon, everything else a client of it. Each is loaded only when it is wanted. */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv[0] === "run" && !argv.includes("--help")) {
    const { runForeground } = await import("./run.ts");
    process.exitCode = await runForeground(argv.slice(1));
    return;
  }
  const [{ runCli }, { processIo }, { systemClock }] = await Promise.all([
    import("./cli/cli.ts"),
    import("./cli/io.ts"),
    import("./platform/clock.ts"),
  ]);
  process.exitCode = await runCli(argv, processIo(process, systemClock.now));
}

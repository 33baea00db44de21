import { existsSync } from "node:fs";

/** Where a loop with the grant `speech.programs` finds them in its sandbox. */
const place = "/tmp/speech";

const libraryDirectories = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];

/**
 * Bubblewrap's options that put the host's speech programs into a sandbox, read-only, with the libraries and models that they need.
 * They lie in the sandbox's own /tmp, as nothing can be mounted on its file system.
 */
export function speechMounts(): string[] {
  const libraries = libraryDirectories.find(existsSync);
  const pairs = [
    ["/usr/bin/espeak-ng", "bin/espeak-ng"],
    ["/usr/bin/pocketsphinx_continuous", "bin/pocketsphinx_continuous"],
    ["/usr/share/pocketsphinx", "pocketsphinx"],
    ...(libraries === undefined ? [] : [[libraries, "lib"]]),
  ];
  return pairs.flatMap(([from = "", to]) => ["--ro-bind-try", from, `${place}/${to}`]);
}

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { findLibraries } from "./elf.ts";

/** A file or directory of the host that a container sees read-only. */
export interface HostMount {
  readonly from: string;
  readonly to: string;
}

/** The programs' directory for a loop with the grant `speech.programs`. It is in /tmp, because nothing can be mounted on a read-only file system. */
const place = "/tmp/speech";

/** Debian's directories of libraries that its loader finds by configuration or by run path, which `elf.ts` does not read. */
const hiddenLibraries = ["pulseaudio", "blas", "lapack"];

/** Returns the installed speech programs of the host, with the libraries and models that they need, and nothing else. */
export function speechMounts(): HostMount[] {
  const programs = ["espeak-ng", "pocketsphinx_continuous"].filter((name) => existsSync(`/usr/bin/${name}`));
  const libraries = new Map(programs.flatMap((name) => [...findLibraries(`/usr/bin/${name}`, hiddenLibraries).files]));
  // espeak's voices are beside its library.
  const voices = [...libraries.values()].map((file) => `${dirname(file)}/espeak-ng-data`).find(existsSync);
  const models = "/usr/share/pocketsphinx";
  return [
    ...programs.map((name) => ({ from: `/usr/bin/${name}`, to: `${place}/bin/${name}` })),
    ...[...libraries].map(([name, file]) => ({ from: file, to: `${place}/lib/${name}` })),
    ...(voices === undefined ? [] : [{ from: voices, to: `${place}/lib/espeak-ng-data` }]),
    ...(existsSync(models) ? [{ from: models, to: `${place}/pocketsphinx` }] : []),
  ];
}

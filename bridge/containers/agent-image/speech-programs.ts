import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { findLibraries } from "./elf.ts";

/** Something of the host's that a container sees read-only. */
export interface HostMount {
  readonly from: string;
  readonly to: string;
}

/** Where a loop with the grant `speech.programs` finds them. In /tmp, as nothing can be mounted on a file system that is read-only. */
const place = "/tmp/speech";

/** Where Debian keeps those that its loader finds by configuration or by run path, and this does not. */
const hiddenLibraries = ["pulseaudio", "blas", "lapack"];

/** The host's speech programs, those that are installed: with the libraries and models that they need, and nothing else of the host. */
export function speechMounts(): HostMount[] {
  const programs = ["espeak-ng", "pocketsphinx_continuous"].filter((name) => existsSync(`/usr/bin/${name}`));
  const libraries = new Map(programs.flatMap((name) => [...findLibraries(`/usr/bin/${name}`, hiddenLibraries).files]));
  // Its voices lie beside its library.
  const voices = [...libraries.values()].map((file) => `${dirname(file)}/espeak-ng-data`).find(existsSync);
  const models = "/usr/share/pocketsphinx";
  return [
    ...programs.map((name) => ({ from: `/usr/bin/${name}`, to: `${place}/bin/${name}` })),
    ...[...libraries].map(([name, file]) => ({ from: file, to: `${place}/lib/${name}` })),
    ...(voices === undefined ? [] : [{ from: voices, to: `${place}/lib/espeak-ng-data` }]),
    ...(existsSync(models) ? [{ from: models, to: `${place}/pocketsphinx` }] : []),
  ];
}

import { ensureDocker } from "../../../tests/support/engines/dockerd.ts";
import { engineConformance } from "../../../tests/support/engines/engine-conformance.ts";
import { describeIf } from "../../../tests/support/machine/require-part.ts";

const docker = await ensureDocker();

describeIf(docker !== undefined, "no Docker engine answers", "the docker engine", () =>
  engineConformance({ kind: "docker", options: docker === undefined ? {} : { dockerHost: docker.host } }),
);

import { describe } from "@jest/globals";
import { engineConformance } from "../../../tests/support/engines/engine-conformance.ts";

describe("the process engine", () => engineConformance({ kind: "process" }));

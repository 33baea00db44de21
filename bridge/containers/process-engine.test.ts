import { describe } from "@jest/globals";
import { engineConformance } from "../../tests/support/engine-conformance.ts";

describe("the process engine", () => engineConformance({ kind: "process" }));

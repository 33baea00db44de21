import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { ConfigName } from "../types/ids.ts";

const attached = defineEvent({
  summary: "A new version of a configuration was attached.",
  channel: "config.<name>.attached",
  priority: "normal",
  data: z.object({ name: ConfigName, version: z.int(), digest: z.string(), size: z.int() }),
  example: {
    name: "agent.env",
    version: 2,
    digest: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    size: 3,
  },
});

/** Every event of this file, by its type. */
export const configEvents = {
  "config.attached": attached,
} as const;

// The program's entry as one bundle. `bin/armorclaw.mjs` starts it from the sources or from dist/.
import { main } from "../../bridge/main.ts";

await main();

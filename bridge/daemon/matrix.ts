import { join } from "node:path";
import type { Access } from "../access/index.ts";
import { MatrixRooms } from "../adapters/matrix/index.ts";
import type { Audit } from "../audit/index.ts";
import type { Keystore } from "../keystore/index.ts";
import type { Outbox } from "../outbox/index.ts";
import type { LocalCaller } from "../rpc/index.ts";
import type { Ground } from "./ground.ts";

export interface MatrixDeps {
  readonly keystore: Keystore;
  readonly access: Access;
  readonly outbox: Outbox;
  readonly caller: LocalCaller;
  readonly audit: Audit;
}

/** Composes the account on the homeserver and its rooms. */
export function composeMatrix(ground: Ground, { keystore, access, outbox, caller, audit }: MatrixDeps): MatrixRooms {
  const { store, clock, log, logging, config } = ground;
  const rooms = new MatrixRooms(
    {
      store,
      clock,
      log,
      logger: logging.child("matrix"),
      outbox,
      caller,
      refused: (principal, method) => audit.refused(principal, method, ""),
      sealKey: () => keystore.internalKey("matrix"),
      roleOf: (principal) => access.roleOf(principal),
      directory: join(config.stateDir, "matrix"),
    },
    config.matrix,
  );
  outbox.register(rooms.destination);
  keystore.whenUnlocked(() => rooms.account.unlocked());
  return rooms;
}

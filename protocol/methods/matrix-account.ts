import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { MatrixUserId } from "../types/matrix-info.ts";
import { SecretText } from "../types/secret.ts";

const Text = z.string().min(1).max(1000);

const login = defineMethod({
  summary: "Log the bridge in to a homeserver, with an account of its own.",
  description:
    "With `username` and `password`, with `token` (an access token), or with `login_token` (the result of a single sign-on). The login creates a device, signs it and backs up its keys. Where the account has an identity already, `recovery_key` unlocks it.",
  roles: ["admin"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    homeserver: Text.optional().describe(
      "The homeserver's address, e.g. https://matrix.example.org. The default is `matrix.homeserver` of the configuration.",
    ),
    username: Text.optional(),
    password: SecretText.optional(),
    token: SecretText.optional().describe("An access token."),
    login_token: SecretText.optional().describe("The result of a single sign-on."),
    recovery_key: SecretText.optional().describe("The device's name, as the account's other devices show it."),
  }),
  result: z.object({
    status: z.literal("logged_in"),
    user_id: MatrixUserId,
    device_id: z.string(),
    homeserver: z.string(),
    is_cross_signed: z.boolean().describe("Whether other people see no warning beside the bridge's messages."),
    backup_version: z.string().nullable(),
  }),
  errors: [
    "MATRIX_ALREADY_LOGGED_IN",
    "MATRIX_LOGIN_FAILED",
    "MATRIX_UNREACHABLE",
    "MATRIX_RATE_LIMITED",
    "MATRIX_NOT_READY",
    "KEYSTORE_LOCKED",
  ],
  example: {
    params: { homeserver: "https://matrix.example.org", username: "bridge", password: "correct horse" },
    result: {
      status: "logged_in",
      user_id: "@bridge:example.org",
      device_id: "ABCDEFGHIJ",
      homeserver: "https://matrix.example.org",
      is_cross_signed: true,
      backup_version: "1",
    },
  },
});

const logout = defineMethod({
  summary: "Log out and delete the device and its keys.",
  description:
    "The account's recovery key stays in the keystore, so that the next login continues with the same identity and key backup. `forget_recovery_key` deletes it.",
  roles: ["admin"],
  effect: "write",
  audited: true,
  params: z.strictObject({
    forget_recovery_key: z
      .boolean()
      .default(false)
      .describe("Delete the recovery key. The bridge cannot unlock the account's identity without it."),
  }),
  result: z.object({ status: z.literal("logged_out"), recovery_key_kept: z.boolean() }),
  errors: ["MATRIX_LOGGED_OUT", "KEYSTORE_LOCKED"],
  example: { params: {}, result: { status: "logged_out", recovery_key_kept: true } },
});

const recoveryKey = defineMethod({
  summary: "Show the recovery key, which unlocks the account's identity and key backup on a new device.",
  description:
    "Only for an admin at the bridge's own socket, logged in or out. Each call is recorded. `keystore.reveal = false` turns it off. Keep it somewhere else than the bridge: `matrix.login` takes it when the state directory is lost.",
  roles: ["admin"],
  effect: "read",
  atOwnSocket: true,
  audited: true,
  params: z.strictObject({
    user_id: MatrixUserId.optional().describe("The account. The default is the last account that was logged in."),
  }),
  result: z.object({ user_id: MatrixUserId, recovery_key: z.string() }),
  errors: ["MATRIX_NO_RECOVERY_KEY", "KEYSTORE_LOCKED", "REVEAL_DISABLED"],
  example: {
    params: {},
    result: { user_id: "@bridge:example.org", recovery_key: "EsTc 5rr1 4Jxy …" },
  },
});

/** Every method of this file, by its name. */
export const matrixAccountMethods = {
  "matrix.login": login,
  "matrix.logout": logout,
  "matrix.recovery_key": recoveryKey,
} as const;

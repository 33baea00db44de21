import type { Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { renderTable } from "./table.ts";

export function renderMatrixStatus(status: Result<"matrix.status">, view: View): string {
  if (status.status === "locked")
    return view.paint(
      "yellow",
      "The keystore with the login is locked. `armorclaw keystore unlock` lets Matrix continue.",
    );
  if (status.status === "logged_out") {
    const how = `armorclaw matrix login --username ${status.user_id ?? "NAME"}`;
    const why = `The homeserver no longer accepts the login of ${status.user_id}: ${status.error}`;
    return `${view.paint("red", visible(why))}\n\`${visible(how)}\` logs in again; queued messages are sent then.`;
  }
  if (!status.logged_in) return "Not logged in. `armorclaw matrix login --homeserver URL --username NAME` logs in.";
  const isGood = status.connected && status.is_cross_signed !== false;
  const lines = [
    `${status.status} to ${status.homeserver} as ${status.user_id}, device ${status.device_id}`,
    `fingerprint ${status.fingerprint ?? "not known yet"}`,
    status.is_cross_signed === false
      ? "The device is not signed by its account: others see a warning. `armorclaw matrix verify` with the account's own id signs it."
      : `signed by its account; key backup ${status.backup_version ?? "off"}`,
    `trusted by the configuration: ${status.trusted_rooms} rooms, ${status.trusted_users} people`,
    `last sync ${status.last_sync_at ?? "never"}; ${status.restarts} restarts of the connection`,
    ...(status.error === null ? [] : [`last error: ${status.error}`]),
  ];
  const comparisons = status.verifications.filter(({ state }) => state === "compare").map(renderVerification);
  const shown = lines.map((line, index) =>
    index === 0 && !isGood ? view.paint("yellow", visible(line)) : visible(line),
  );
  return [...shown, ...comparisons].join("\n");
}

export const renderMatrixLogin = (login: Result<"matrix.login">): string =>
  [
    visible(`Logged in to ${login.homeserver} as ${login.user_id}, device ${login.device_id}`),
    login.is_cross_signed
      ? `signed by its account; key backup ${login.backup_version ?? "off"}\n\`armorclaw matrix recovery-key\` shows the key that restores the account if this bridge's state is lost; keep it elsewhere.`
      : "The device is not signed by its account: others see a warning. Log out, then log in with `--recovery-key @-`.",
  ].join("\n");

export const renderMatrixLogout = ({ recovery_key_kept: isKept }: Result<"matrix.logout">): string =>
  isKept
    ? "Logged out. The keystore has the account's recovery key: the next login keeps the identity."
    : "Logged out. The bridge has no recovery key: the next login needs it, or another device of the account, to be signed.";

export const renderMatrixRecoveryKey = ({ user_id: user, recovery_key: key }: Result<"matrix.recovery_key">): string =>
  [
    visible(key),
    `This key opens the identity and the key backup of ${visible(user)}. Keep it secret, and not on this machine.`,
    "If the bridge's state is lost: armorclaw matrix login … --recovery-key @-",
  ].join("\n");

export function renderMatrixRooms({ rooms }: Result<"matrix.rooms">, view: View): string {
  if (rooms.length === 0)
    return "The account is in no room. Invite the bridge's account, then `armorclaw matrix join ROOM`.";
  const columns = [
    { title: "ROOM" },
    { title: "NAME", dropOrder: 1 },
    { title: "MEMBERS", dropOrder: 2 },
    { title: "ENCRYPTED" },
    { title: "TRUSTED" },
    { title: "STATE" },
  ];
  const yes = (is: boolean) => (is ? "yes" : "no");
  const rows = rooms.map((room) => [
    room.room_id,
    room.name,
    String(room.members),
    yes(room.encrypted),
    yes(room.is_trusted),
    room.membership === "join" ? "joined" : `invited by ${room.inviter ?? "somebody"}`,
  ]);
  return renderTable(columns, rows, view);
}

export const renderMatrixSent = ({ state, room_id: room, event_id: event }: Result<"matrix.send">): string =>
  state === "sent"
    ? `Sent to ${room}: ${event}`
    : `Queued for ${room}; the bridge sends it when the homeserver accepts it.`;

export const renderMatrixMessages = ({ events, cursor }: Result<"matrix.receive">): string =>
  events.length === 0
    ? `No messages. Continue with --cursor ${cursor}`
    : events
        .map(({ sent_at: at, sender, body, trust }) => `${at} ${visible(sender)} (${trust}) ${visible(body)}`)
        .join("\n");

export function renderVerification({ flow_id: flow, user_id: user, state, emoji }: Result<"matrix.verify">): string {
  if (state !== "compare") return state === "done" ? `${user} is verified.` : `The comparison is ${state}.`;
  return [
    `${user} must see exactly these emoji, in this order:`,
    `  ${emoji.map(({ symbol, name }) => `${symbol} ${name}`).join("   ")}`,
    // A flow id may begin with a dollar sign.
    `If so:  armorclaw matrix verify --flow-id '${visible(flow)}' --is-equal`,
    `If not: armorclaw matrix verify --flow-id '${visible(flow)}' --no-is-equal`,
  ].join("\n");
}

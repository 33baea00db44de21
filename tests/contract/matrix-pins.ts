// The pinned names of Matrix.

export const matrixMethodRoles: Record<string, string> = {
  "matrix.login": "admin",
  "matrix.logout": "admin",
  "matrix.recovery_key": "admin",
  "matrix.status": "admin operator viewer",
  "matrix.send": "admin operator agent",
  "matrix.receive": "admin operator viewer agent",
  "matrix.download": "admin operator viewer agent",
  "matrix.rooms": "admin operator viewer",
  "matrix.join": "admin operator",
  "matrix.verify": "admin",
};

export const matrixErrorNumbers: Record<string, number> = {
  MATRIX_LOGGED_OUT: 1401,
  MATRIX_NOT_READY: 1402,
  MATRIX_UNREACHABLE: 1403,
  MATRIX_RATE_LIMITED: 1404,
  MATRIX_REFUSED: 1405,
  MATRIX_ROOM_NOT_TRUSTED: 1406,
  MATRIX_LOGIN_FAILED: 1407,
  MATRIX_ALREADY_LOGGED_IN: 1408,
  MATRIX_NO_RECOVERY_KEY: 1409,
};

export const matrixEventTypes: Record<string, readonly [channel: string, priority: string]> = {
  "matrix.message": ["matrix.<room>.message", "normal"],
  "matrix.reaction": ["matrix.<room>.reaction", "low"],
  "matrix.undecryptable": ["matrix.<room>.undecryptable", "high"],
  "matrix.edited": ["matrix.<room>.edited", "normal"],
  "matrix.redacted": ["matrix.<room>.redacted", "normal"],
  "matrix.command_refused": ["matrix.<room>.command_refused", "high"],
  "matrix.room_upgraded": ["matrix.<room>.room_upgraded", "high"],
  "matrix.messages_missed": ["matrix.<room>.messages_missed", "high"],
  "matrix.delivery": ["matrix.<room>.delivery", "low"],
  "matrix.link": ["matrix.link", "high"],
  "matrix.link_lost": ["matrix.link_lost", "critical"],
  "matrix.link_restored": ["matrix.link_restored", "high"],
  "matrix.logged_in": ["matrix.logged_in", "high"],
  "matrix.logged_out": ["matrix.logged_out", "critical"],
  "matrix.verification": ["matrix.verification", "high"],
  "matrix.invited": ["matrix.invited", "normal"],
};

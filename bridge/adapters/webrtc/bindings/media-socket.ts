import type { SideSocket } from "../../../rpc/index.ts";
import type { AgentAudio } from "../calls/agent-audio.ts";

/** The socket beside an agent's own that carries sound alone. */
export const mediaSocket = (audio: AgentAudio): SideSocket => ({
  name: "media.sock",
  open: (agentId) => ({ accept: (socket) => audio.attach(agentId, socket), close: () => undefined }),
});

import { app } from "./http/app.ts";

export { Gateway } from "./gateway/gateway-do.ts";
export { Room } from "./rooms/room-do.ts";

export default { fetch: app.fetch };

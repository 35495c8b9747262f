/** Version 4.0 exports no types; what tests call is as in the latest version. */
declare module "socket.io-client-4.0" {
  export { io } from "socket.io-client";
}

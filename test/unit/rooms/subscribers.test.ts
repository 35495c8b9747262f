import { beforeEach, describe, expect, it } from "vitest";
import { SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import { Subscribers } from "../../../src/rooms/subscribers.ts";
import { TestStorage } from "../../support/sqlite.ts";

let store: SqlSubscriberStore;
let subscribers: Subscribers;

beforeEach(() => {
  store = new SqlSubscriberStore(new TestStorage().sql);
  subscribers = new Subscribers(store);
});

const add = (gateway: string, socketId: string, userId: string, connection = 1) =>
  subscribers.add({ gateway, socketId, userId, connection });

const remove = (gateway: string, socketId: string, connection = 1) =>
  subscribers.remove(gateway, socketId, connection);

const state = () => ({
  size: subscribers.size,
  gateways: subscribers.gateways,
  stored: store.all().map(({ gateway, socketId, userId }) => `${gateway}/${socketId}/${userId}`),
});

describe("ROOM-4 subscribers", () => {
  it("count sockets, and know a user's first and last", () => {
    expect(add("g", "a", "u")).toBe("user");
    expect(add("h", "b", "u")).toBe("socket");
    expect(add("g", "c", "v")).toBe("user");
    expect(state()).toEqual({ size: 3, gateways: ["g", "h"], stored: ["g/a/u", "h/b/u", "g/c/v"] });
    expect(remove("g", "a")).toBe("socket");
    expect(remove("h", "b")).toBe("user");
    expect(state()).toEqual({ size: 1, gateways: ["g"], stored: ["g/c/v"] });
  });

  it("take the same change twice without effect", () => {
    add("g", "a", "u");
    expect(add("g", "a", "u")).toBe("none");
    expect(subscribers.size).toBe(1);
    expect(remove("g", "a")).toBe("user");
    expect(remove("g", "a")).toBe("none");
    expect(state()).toEqual({ size: 0, gateways: [], stored: [] });
  });

  it("move a socket to another gateway, and ignore the old one's word about it", () => {
    add("g", "a", "u");
    expect(add("h", "a", "u")).toBe("none");
    expect(state()).toEqual({ size: 1, gateways: ["h"], stored: ["h/a/u"] });
    expect(remove("g", "a")).toBe("none");
    expect([...subscribers.socketsOf("h")]).toEqual(["a"]);
    expect(subscribers.socketsOf("g").size).toBe(0);
    expect(remove("h", "a")).toBe("user");
  });

  it("outlive the room's memory", () => {
    add("g", "a", "u");
    add("h", "b", "u");
    subscribers = new Subscribers(store);
    expect(state()).toEqual({ size: 2, gateways: ["g", "h"], stored: ["g/a/u", "h/b/u"] });
    expect(subscribers.get("b")).toEqual({ gateway: "h", socketId: "b", userId: "u", connection: 1 });
    expect(subscribers.get("x")).toBeUndefined();
    expect(add("g", "c", "u")).toBe("socket");
    expect(remove("g", "a")).toBe("socket");
  });

  it("USER-2 believe of a socket what its latest connection's gateway says, in whichever order", () => {
    add("g", "a", "u", 1);
    expect(add("h", "a", "u", 2)).toBe("none");
    expect(add("g", "a", "u", 1)).toBe("none");
    expect(remove("g", "a", 1)).toBe("none");
    expect(subscribers.get("a")).toMatchObject({ gateway: "h", connection: 2 });
    expect(state()).toEqual({ size: 1, gateways: ["h"], stored: ["h/a/u"] });
  });

  it("USER-2 tell the connections of one gateway apart", () => {
    add("g", "a", "u", 1);
    expect(add("g", "a", "u", 2)).toBe("none");
    expect(remove("g", "a", 1)).toBe("none");
    expect(store.all()).toEqual([{ gateway: "g", socketId: "a", userId: "u", connection: 2 }]);
    expect(remove("g", "a", 2)).toBe("user");
    expect(state()).toEqual({ size: 0, gateways: [], stored: [] });
  });

  it("USER-2 remember across the room's life on which connection a socket is", () => {
    add("g", "a", "u", 4);
    subscribers = new Subscribers(store);
    expect(add("h", "a", "u", 3)).toBe("none");
    expect(remove("g", "a", 3)).toBe("none");
    expect(state()).toEqual({ size: 1, gateways: ["g"], stored: ["g/a/u"] });
    expect(remove("g", "a", Number.POSITIVE_INFINITY)).toBe("user");
  });
});

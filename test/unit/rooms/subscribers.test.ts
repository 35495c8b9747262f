import { beforeEach, describe, expect, it } from "vitest";
import { Subscribers } from "../../../src/rooms/subscribers.ts";
import { MemoryStore } from "../../support/fakes.ts";

let store: MemoryStore;
let subscribers: Subscribers;

beforeEach(() => {
  store = new MemoryStore();
  subscribers = new Subscribers(store);
});

const add = (gateway: string, socketId: string, userId: string) =>
  subscribers.add({ gateway, socketId, userId });

const state = () => ({
  size: subscribers.size,
  gateways: [...subscribers.gateways()],
  stored: store.all().map(({ gateway, socketId, userId }) => `${gateway}/${socketId}/${userId}`),
});

describe("ROOM-4 subscribers", () => {
  it("count sockets, and know a user's first and last", () => {
    expect(add("g", "a", "u")).toBe("user");
    expect(add("h", "b", "u")).toBe("socket");
    expect(add("g", "c", "v")).toBe("user");
    expect(state()).toEqual({ size: 3, gateways: ["g", "h"], stored: ["g/a/u", "h/b/u", "g/c/v"] });
    expect(subscribers.remove("g", "a")).toBe("socket");
    expect(subscribers.remove("h", "b")).toBe("user");
    expect(state()).toEqual({ size: 1, gateways: ["g"], stored: ["g/c/v"] });
  });

  it("take the same change twice without effect", () => {
    add("g", "a", "u");
    expect(add("g", "a", "u")).toBe("none");
    expect(subscribers.size).toBe(1);
    expect(subscribers.remove("g", "a")).toBe("user");
    expect(subscribers.remove("g", "a")).toBe("none");
    expect(state()).toEqual({ size: 0, gateways: [], stored: [] });
  });

  it("move a socket to another gateway, and ignore the old one's word about it", () => {
    add("g", "a", "u");
    expect(add("h", "a", "u")).toBe("none");
    expect(state()).toEqual({ size: 1, gateways: ["h"], stored: ["h/a/u"] });
    expect(subscribers.remove("g", "a")).toBe("none");
    expect([...subscribers.socketsOf("h")]).toEqual(["a"]);
    expect(subscribers.socketsOf("g").size).toBe(0);
    expect(subscribers.remove("h", "a")).toBe("user");
  });

  it("outlive the room's memory", () => {
    add("g", "a", "u");
    add("h", "b", "u");
    subscribers = new Subscribers(store);
    expect(state()).toEqual({ size: 2, gateways: ["g", "h"], stored: ["g/a/u", "h/b/u"] });
    expect(subscribers.userOf("b")).toBe("u");
    expect(subscribers.userOf("x")).toBeUndefined();
    expect(add("g", "c", "u")).toBe("socket");
    expect(subscribers.remove("g", "a")).toBe("socket");
  });
});

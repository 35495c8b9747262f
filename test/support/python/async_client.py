"""The same as sync_client.py, with python-socketio's asyncio client."""

import asyncio
import json
import sys

import socketio

EVENTS = ["connected", "subscribed", "unsubscribed", "market_chart_live_update", "credits_granted", "pong"]


def say(event, payload=None):
    print(json.dumps({"event": event, "payload": payload}), flush=True)


async def main(url, token, transports):
    client = socketio.AsyncClient(reconnection=False)
    for name in EVENTS:
        client.on(name, lambda payload, *offset, name=name: say(name, payload))
    client.on("disconnect", lambda: say("disconnect"))
    await client.connect(
        url,
        auth={"token": f"Bearer {token}"},
        transports=None if transports == "default" else [transports],
    )
    say("transport", client.transport())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        event, payload = json.loads(line)
        await client.emit(event, payload, callback=lambda answer: say("ack", answer))
    await client.disconnect()


asyncio.run(main(*sys.argv[1:]))

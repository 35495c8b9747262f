"""A stock python-socketio client, driven by a test: see ../python.ts.

Usage: sync_client.py <url> <token> <transports>

Emits every line of stdin, [event, payload], and leaves at its end. Says on stdout what comes, line by line:
{"event": ..., "payload": ...}; acknowledgements as "ack", the transport after connecting as "transport".
"""

import json
import sys
import threading

import socketio

EVENTS = ["connected", "subscribed", "unsubscribed", "market_chart_live_update", "credits_granted", "pong"]

url, token, transports = sys.argv[1:]
client = socketio.Client(reconnection=False)
printing = threading.Lock()


def say(event, payload=None):
    with printing:
        print(json.dumps({"event": event, "payload": payload}), flush=True)


for name in EVENTS:
    client.on(name, lambda payload, *offset, name=name: say(name, payload))
client.on("disconnect", lambda: say("disconnect"))

client.connect(
    url,
    auth={"token": f"Bearer {token}"},
    transports=None if transports == "default" else [transports],
)
say("transport", client.transport())
for line in sys.stdin:
    event, payload = json.loads(line)
    client.emit(event, payload, callback=lambda answer: say("ack", answer))
client.disconnect()

#!/usr/bin/env python3
"""A Maelstrom node: echo, and a skeleton for requests to other nodes and services."""
import json
import sys
import threading

lock = threading.Lock()  # guards stdout and the fields below
node_id, node_ids, next_id, calls = "", [], 0, {}


def send(dest, body):
    """Sends a message. Each is one line, flushed at once."""
    with lock:
        print(json.dumps({"src": node_id, "dest": dest, "body": body}), flush=True)


def reply(request, body):
    """Answers a request."""
    send(request["src"], {**body, "in_reply_to": request["body"]["msg_id"]})


def call(dest, body, timeout=1.0):
    """Sends a request and waits for its answer; None if none comes in time."""
    global next_id
    arrived = threading.Event()
    with lock:
        next_id += 1
        msg_id = next_id
        calls[msg_id] = (arrived, answer := [])
    send(dest, {**body, "msg_id": msg_id})
    arrived.wait(timeout)
    with lock:
        calls.pop(msg_id, None)
    return answer[0] if answer else None


def handle(message):
    """Handles a request in a thread of its own, so that it may call others."""
    body = message["body"]
    if body["type"] == "echo":
        reply(message, {"type": "echo_ok", "echo": body["echo"]})
    else:
        text = f"unknown request {body['type']}"
        reply(message, {"type": "error", "code": 10, "text": text})


def main():
    global node_id, node_ids
    for line in sys.stdin:
        message = json.loads(line)
        body = message["body"]
        if "in_reply_to" in body:
            with lock:
                arrived, answer = calls.pop(body["in_reply_to"], (None, None))
            if arrived:
                answer.append(body)
                arrived.set()
        elif body["type"] == "init":
            node_id, node_ids = body["node_id"], body["node_ids"]
            reply(message, {"type": "init_ok"})
        else:
            threading.Thread(target=handle, args=(message,), daemon=True).start()


main()

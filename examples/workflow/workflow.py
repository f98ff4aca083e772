"""A workflow that reports its progress to the topic `workflow.<id>`: `python3 examples/workflow/workflow.py 42`.

Python 3.8 or later, standard library only. Each report has a key: one that is sent twice is stored once.
"""
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("REALTIME_URL", "http://localhost:8081/graphql")
RETRIED = ("SERVICE_UNAVAILABLE", "RATE_LIMITED")
PUBLISH = """mutation ($topic: String!, $payload: JSON!, $key: ID!) {
  publish(topic: $topic, payload: $payload, idempotencyKey: $key) { position }
}"""


class OperationError(Exception):
    """An operation that was refused, or not answered in time."""

    def __init__(self, message, code, retry_after_s=None):
        super().__init__("%s (%s)" % (message, code))
        self.code = code
        self.retry_after_s = retry_after_s


def attempt(query, variables, timeout_s):
    request = urllib.request.Request(
        URL,
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"content-type": "application/json", "authorization": "Bearer " + os.environ["TOKEN"]},
    )
    try:
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as refused:
            answer = json.load(refused)
    except (OSError, ValueError) as error:
        # No connection, a connection that was cut, or the page of a proxy.
        raise OperationError("No answer: %s" % error, "SERVICE_UNAVAILABLE")
    for error in answer.get("errors", []):
        extensions = error.get("extensions", {})
        wait_ms = extensions.get("retryAfterMs")
        raise OperationError(error["message"], extensions.get("code"), wait_ms and wait_ms / 1000)
    return answer["data"]


def ask(query, variables, patience_s=60, timeout_s=10):
    """Retries for `patience_s`, with growing, randomised pauses."""
    end = time.monotonic() + patience_s
    back_off_s = 0.25
    while True:
        try:
            return attempt(query, variables, timeout_s)
        except OperationError as error:
            wait_s = (error.retry_after_s or back_off_s / 2) + random.random() * back_off_s / 2
            if error.code not in RETRIED or time.monotonic() + wait_s > end:
                raise
            time.sleep(wait_s)
            back_off_s = min(2 * back_off_s, 8)


def main():
    workflow = sys.argv[1] if len(sys.argv) > 1 else "42"
    steps = ["download", "convert", "upload"]

    def report(name, **payload):
        topic = "workflow." + workflow
        ask(PUBLISH, {"topic": topic, "payload": payload, "key": workflow + ":" + name})
        print(name, json.dumps(payload), flush=True)

    report("begin", status="RUNNING", progress=0)
    for index, step in enumerate(steps):
        time.sleep(0.1)
        report(step, status="RUNNING", step=step, progress=(index + 1) / len(steps))
    report("end", status="DONE", progress=1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Verifies recorded deliveries with other people's libraries: `standardwebhooks`, `cloudevents` and `jsonschema`.

    verify_events.py SECRET SCHEMA < deliveries.ndjson

One delivery a line: {"headers": {name: value}, "body": base64 of the bytes}. They must be younger than five minutes,
as the standard asks. Prints how many it verified, and ends 0; or each fault with its line, and ends 1; 2 if there was
nothing to verify.
"""

import base64
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from jsonschema import Draft202012Validator
from standardwebhooks.webhooks import Webhook


def fault(webhook: Webhook, schema: Draft202012Validator, delivery: dict) -> str | None:
    """What is wrong with a delivery, if anything."""
    headers = {name.lower(): value for name, value in delivery["headers"].items()}
    body = base64.b64decode(delivery["body"], validate=True)
    if headers.get("content-type", "").split(";")[0].strip() != "application/cloudevents+json":
        return f"content-type is {headers.get('content-type')!r}"
    try:
        webhook.verify(body, headers)
        event = from_http_event(HTTPMessage(headers, body))
    except Exception as error:  # whatever a library says no with
        return f"{type(error).__name__}: {error}"
    attributes = json.loads(body)
    for wrong in schema.iter_errors(attributes):
        return f"{wrong.json_path}: {wrong.message[:200]}"
    if event.get_id() != headers["webhook-id"]:
        return f"webhook-id is {headers['webhook-id']!r}, the event's id {event.get_id()!r}"
    if event.get_subject() != attributes["data"]["ticket"]["number"]:
        return f"subject is {event.get_subject()!r}, the ticket's number {attributes['data']['ticket']['number']!r}"
    if event.get_time() is None or event.get_time().tzinfo is None:
        return "time has no offset"
    if not event.get_type().startswith("ticket."):
        return f"type is {event.get_type()!r}"
    return None


def main() -> int:
    """Reads the deliveries on stdin."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    webhook = Webhook(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        document = json.load(file)
    Draft202012Validator.check_schema(document)
    schema = Draft202012Validator(document)
    faults = verified = 0
    for number, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        if what := fault(webhook, schema, json.loads(line)):
            faults += 1
            print(f"line {number}: {what}", file=sys.stderr)
        else:
            verified += 1
    print(f"{verified} verified, {faults} at fault")
    return 1 if faults else 0 if verified else 2


if __name__ == "__main__":
    sys.exit(main())

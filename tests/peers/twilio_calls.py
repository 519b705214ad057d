"""Twilio's calls, signed by Twilio's own package, into a running gateway; every answer is read as TwiML, and every address in
it is asked in turn.

    twilio_calls.py HOST:PORT PUBLIC_URL CHANNEL SECRET ALGORITHM

Prints one JSON object: {"answers", "forged", "faults"}.
"""

import http.client
import json
import sys
import urllib.parse
import xml.etree.ElementTree as xml

from twilio.request_validator import RequestValidator
from twilio.twiml import voice_response

HOST, PUBLIC, CHANNEL, SECRET, ALGORITHM = sys.argv[1:]
BASE = f"{PUBLIC}/channels/{CHANNEL}"
VERBS = {name for name in dir(voice_response) if name[:1].isupper()} | {"Response"}
URLS = {"action", "recordingStatusCallback", "transcribeCallback", "statusCallback"}
faults = []
answers = forged = 0


def send(path, body, signature, content="application/x-www-form-urlencoded", method="POST"):
    connection = http.client.HTTPConnection(HOST, timeout=30)
    headers = {"Content-Type": content}
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.headers.get("Content-Type", ""), response.read().decode()


def signed(url, params):
    return RequestValidator(SECRET).compute_signature(url, params, ALGORITHM)


def target(url):
    return urllib.parse.urlsplit(url)._replace(scheme="", netloc="").geturl()


def fields(call, **more):
    return {
        "CallSid": call, "AccountSid": "AC" + "0" * 32, "ApiVersion": "2010-04-01", "Direction": "inbound",
        "CallStatus": "in-progress", "From": "+8613900000000", "To": "+8683312345", "NewAndUnknown": "", **more,
    }


def ask(url, params):
    """Asks, and gives the answer's tree."""
    global answers
    status, content, text = send(target(url), urllib.parse.urlencode(params), signed(url, params))
    answers += 1
    if status != 200 or not content.startswith(("text/xml", "application/xml")):
        faults.append(f"{url} {params.get('Digits')}: {status} {content}")
        return xml.fromstring("<Response/>")
    tree = xml.fromstring(text)
    for element in tree.iter():
        if element.tag not in VERBS:
            faults.append(f"{url}: <{element.tag}> is no verb")
    if tree.tag != "Response":
        faults.append(f"{url}: <{tree.tag}>")
    return tree


def addresses(tree):
    for element in tree.iter():
        for name, value in element.attrib.items():
            if name in URLS:
                yield value
        if element.tag == "Redirect":
            yield element.text


def follow(call):
    """Every way through a call."""
    open_, met = [BASE, f"{BASE}?b=2&a=%E8%AF%89%20x", f"{BASE}/menu/nowhere/3"], set()
    while open_:
        url = open_.pop()
        for digits in (None, "", "1", "2", "9", "0", "*", "#", "12", "hangup", "一"):
            params = fields(call, **({} if digits is None else {"Digits": digits}))
            tree = ask(url, params)
            callback = url.endswith(("/status", "/recording", "/transcription"))
            if not callback and not any(verb.tag in ("Hangup", "Redirect") for verb in tree):
                faults.append(f"{url} {digits!r}: a dead end")
            for address in addresses(tree):
                if not address.startswith(BASE):
                    faults.append(f"{url}: {address} is not ours")
                elif address not in met:
                    met.add(address)
                    open_.append(address)
    return met


def forge(call):
    """Whatever is not signed as it should be is refused, in TwiML."""
    global forged
    params = fields(call)
    body, path = urllib.parse.urlencode(params), target(BASE)
    good = signed(BASE, params)
    other = RequestValidator(SECRET + "x")
    wrong = "HMAC_SHA1" if ALGORITHM == "HMAC_SHA256" else "HMAC_SHA256"
    attempts = [
        (path, body, None), (path, body, ""), (path, body, "x"), (path, body, good[::-1]), (path, body, good[:-4]),
        (path, body, other.compute_signature(BASE, params, ALGORITHM)),
        (path, body, RequestValidator(SECRET).compute_signature(BASE, params, wrong)),
        (path, body.replace("8613900000000", "8613900000001"), good), (path, body + "&Digits=1", good),
        (path, body.replace("&NewAndUnknown=", ""), good), (path, "", good), (path + "?x=1", body, good),
        (path + "/status", body, good), (path + "/again", body, good),
        (path, body, signed(BASE.replace("https://", "http://"), params)),
        (path, body, signed(BASE.replace("12345", "12346"), params)), (path, body, signed("", params)),
        (path + "?a=1&b=2", body, signed(BASE + "?b=2&a=1", params)),
    ]
    for place, content, signature in attempts:
        status, kind, text = send(place, content, signature)
        forged += 1
        if status != 403 or not kind.startswith("text/xml") or xml.fromstring(text).tag != "Response":
            faults.append(f"forged: {place} {signature}: {status} {kind} {text}")


def in_json(call):
    """A JSON body, with its digest in the signed address."""
    global answers, forged
    body = json.dumps(fields(call))
    url = f"{BASE}?bodySHA256={RequestValidator(SECRET).compute_hash(body)}"
    for content, right in ((body, True), (body.replace("13900000000", "13900000001"), False)):
        status, kind, text = send(target(url), content, signed(url, {}), "application/json")
        answers, forged = answers + right, forged + (not right)
        if (status == 200) != right or not kind.startswith("text/xml"):
            faults.append(f"JSON: {right} {status} {kind} {text}")
    status, _, _ = send(target(BASE), body, signed(BASE, {}), "application/json")
    if status != 403:
        faults.append(f"JSON without its digest: {status}")


follow("CA" + "1" * 32)
forge("CA" + "f" * 32)
in_json("CA" + "2" * 32)
port = BASE.replace("https://12345.example", "https://12345.example:443")
params = fields("CA" + "3" * 32)
if send(target(BASE), urllib.parse.urlencode(params), signed(port, params))[0] != 200:
    faults.append("with the port written out")
print(json.dumps({"answers": answers, "forged": forged, "faults": faults}, ensure_ascii=False))

#!/usr/bin/env python3
"""The interfaces of three clouds for sending short messages. Prints its port, then one JSON line a request.

Each request's signature is computed anew as the cloud's own documentation has it (ACS3-HMAC-SHA256, TC3-HMAC-SHA256,
Basic), from the bytes that came over the wire. The end of the number says what comes of it: 02 is refused, 03 is limited
the first time, 04 is cut before an answer, 05 is a server error; everything else is taken.

A line of JSON on its input is a callback, to be signed as Twilio does and posted: `url`, `signed` (the address that Twilio
was told), `form`.
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCOUNT, SECRET = "test-account", "test-secret-of-the-cloud"
limited = set()


def tell(event):
    # In one write: several threads tell.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def acs3(handler, path, query, body):
    claimed = handler.headers["authorization"]
    algorithm, rest = claimed.split(" ", 1)
    fields = dict(part.split("=", 1) for part in rest.split(","))
    names = fields["SignedHeaders"].split(";")
    assert algorithm == "ACS3-HMAC-SHA256" and fields["Credential"] == ACCOUNT and names == sorted(names), claimed
    assert {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"} <= set(names)
    assert handler.headers["x-acs-content-sha256"] == sha256(body)
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    canonical = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    headers = "".join(f"{name}:{handler.headers[name].strip()}\n" for name in names)
    request = "\n".join(["POST", path, canonical, headers, fields["SignedHeaders"], sha256(body)])
    signature = mac(SECRET.encode(), algorithm + "\n" + sha256(request.encode())).hex()
    assert signature == fields["Signature"], "ACS3 signature"
    return dict(pairs)


def tc3(handler, body):
    claimed = handler.headers["authorization"]
    algorithm, rest = claimed.split(" ", 1)
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    account, date, service, end = fields["Credential"].split("/")
    assert (algorithm, account, service, end) == ("TC3-HMAC-SHA256", ACCOUNT, "sms", "tc3_request"), claimed
    headers = "".join(f"{name}:{handler.headers[name].strip().lower()}\n" for name in fields["SignedHeaders"].split(";"))
    request = "\n".join(["POST", "/", "", headers, fields["SignedHeaders"], sha256(body)])
    text = "\n".join([algorithm, handler.headers["x-tc-timestamp"], f"{date}/sms/tc3_request", sha256(request.encode())])
    key = mac(mac(mac(("TC3" + SECRET).encode(), date), service), end)
    assert mac(key, text).hex() == fields["Signature"], "TC3 signature"
    return json.loads(body)


class Cloud(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        assert self.headers["authorization"].startswith("Basic ")
        self.answer(200, {"status": "active"})

    def do_POST(self):
        try:
            self.sent()
        except Exception as error:
            print(json.dumps({"fault": repr(error)}), flush=True)
            self.answer(403, {"Code": "SignatureDoesNotMatch", "Message": repr(error)})

    def sent(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("x-acs-action"):
            cloud, action, what = "aliyun", self.headers["x-acs-action"], acs3(self, path, query, body)
            number = what.get("PhoneNumbers", "")
        elif self.headers.get("x-tc-action"):
            cloud, action, what = "tencent", self.headers["x-tc-action"], tc3(self, body)
            number = what.get("PhoneNumberSet", [""])[0]
        else:
            user, password = base64.b64decode(self.headers["authorization"].split(" ")[1]).decode().split(":")
            assert (user, password, path) == (ACCOUNT, SECRET, f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
            cloud, action, what = "twilio", "Messages", dict(urllib.parse.parse_qsl(body.decode()))
            number = what["To"]
        tell({"cloud": cloud, "action": action, "number": number, "what": what})
        if action == "QuerySmsTemplate":
            return self.answer(200, {"Code": "OK", "TemplateStatus": 1})
        if action == "DescribeSmsTemplateList":
            return self.answer(200, {"Response": {"DescribeTemplateStatusSet": [{"StatusCode": 0}]}})
        end, first = number[-2:], number not in limited
        limited.add(number)
        if end == "04":
            self.close_connection = True
            return self.connection.close()
        if end == "05":
            return self.answer(500, {})
        kind = {"02": "refused", "03": "limited" if first else "taken"}.get(end, "taken")
        name = f"name-of-{number}"
        answers = {
            ("aliyun", "taken"): (200, {"Code": "OK", "BizId": name}),
            ("aliyun", "refused"): (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "no"}),
            ("aliyun", "limited"): (400, {"Code": "Throttling.User", "Message": "slower"}),
            ("tencent", "taken"): (200, {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": name}]}}),
            ("tencent", "refused"): (200, {"Response": {"SendStatusSet": [{"Code": "FailedOperation.PhoneNumberInBlacklist"}]}}),
            ("tencent", "limited"): (200, {"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "slower"}}}),
            ("twilio", "taken"): (201, {"sid": name, "status": "queued"}),
            ("twilio", "refused"): (400, {"code": 21610, "message": "unsubscribed"}),
            ("twilio", "limited"): (429, {"code": 20429, "message": "slower"}),
        }
        self.answer(*answers[cloud, kind])

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def call_back(order):
    form = order["form"]
    text = order["signed"] + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
    request = urllib.request.Request(order["url"], urllib.parse.urlencode(form).encode(), {"X-Twilio-Signature": signature})
    try:
        with urllib.request.urlopen(request) as answer:
            status, said = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, said = error.code, ""
    tell({"called_back": status, "said": said})


server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    call_back(json.loads(line))

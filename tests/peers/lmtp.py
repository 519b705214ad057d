#!/usr/bin/env python3
"""Delivers the mail on its input by LMTP with Python's `smtplib`: lmtp.py PORT FROM TO…

Prints the answer to each recipient as JSON: {address: [code, words]}. Its `sendmail` reads one answer whatever the
number of recipients (RFC 2033 says one each), so the steps are taken one by one.
"""

import json
import smtplib
import sys

port, sender, *recipients = sys.argv[1:]
mail = sys.stdin.buffer.read()
answers = {}


def heard(address, code, words):
    answers[address] = [code, words.decode()]


with smtplib.LMTP("127.0.0.1", int(port)) as server:
    server.ehlo_or_helo_if_needed()
    code, words = server.mail(sender, [f"SIZE={len(mail)}"])
    if code != 250:
        sys.exit(f"MAIL: {code} {words.decode()}")
    for address in recipients:
        heard(address, *server.rcpt(address))
    known = [address for address in recipients if answers[address][0] == 250]
    if known:
        code, words = server.docmd("DATA")
        if code != 354:
            sys.exit(f"DATA: {code} {words.decode()}")
        quoted = smtplib._quote_periods(smtplib._fix_eols(mail.decode("latin-1")).encode("latin-1"))
        server.send(quoted + (b"" if quoted.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        for address in known:
            heard(address, *server.getreply())
print(json.dumps(answers))

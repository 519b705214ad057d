#!/usr/bin/env python3
"""Delivers the mail on its input by LMTP with Python's `smtplib`: lmtp.py PORT FROM TO…

Prints the answer to each recipient as JSON: {address: [code, words]}; "" is a refusal of the whole mail.
"""

import json
import smtplib
import sys

port, sender, *recipients = sys.argv[1:]
mail = sys.stdin.buffer.read()
answers = {}
with smtplib.LMTP("127.0.0.1", int(port)) as server:
    try:
        refused = server.sendmail(sender, recipients, mail)
        answers = {address: [250, ""] for address in recipients}
        answers.update({address: [code, words.decode()] for address, (code, words) in refused.items()})
    except smtplib.SMTPRecipientsRefused as error:
        answers = {address: [code, words.decode()] for address, (code, words) in error.recipients.items()}
    except smtplib.SMTPResponseException as error:
        answers = {"": [error.smtp_code, error.smtp_error.decode()]}
print(json.dumps(answers))

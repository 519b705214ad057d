#!/usr/bin/env python3
"""A mail server that does as it is told, made of `aiosmtpd`: prints its port, then one JSON line a mail. With arguments
it encrypts: `implicit` or `starttls`, a certificate and its key.

What it does is in the recipient's name: `refuse@` is refused for good, `full@` for a reason that passes, `defer@` is put
off once, `cut@` is taken, but the connection breaks before that can be said, `early@` breaks it before the mail.
"""

import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Sink:
    def __init__(self):
        self.deferred = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "refuse":
            return "550 5.1.1 no such user"
        if name == "full":
            return "550 5.7.1 mail frequency limited, try later"
        if name == "early":
            server.transport.abort()
            return "421 gone"
        if name == "defer" and address not in self.deferred:
            self.deferred.add(address)
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": base64.b64encode(envelope.original_content).decode(),
        }
        print(json.dumps(mail), flush=True)
        if any(address.startswith("cut@") for address in envelope.rcpt_tos):
            server.transport.abort()
        return "250 taken"


async def main():
    sink = Sink()
    loop = asyncio.get_running_loop()
    tls, certificate, key = (sys.argv[1:] + [None] * 3)[:3]
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    more = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    server = await loop.create_server(
        lambda: SMTP(sink, enable_SMTPUTF8=True, loop=loop, **more),
        "127.0.0.1",
        0,
        ssl=context if tls == "implicit" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # The test goes away by closing our input.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())

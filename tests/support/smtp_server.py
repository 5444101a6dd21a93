"""A real SMTP server for the tests. Prints its port, keeps what it takes in a directory, and ends when its
standard input does, so that it never outlives the test that started it."""

import argparse
import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    """Answers as told, and keeps every message with its envelope."""

    def __init__(self, options):
        self.options = options
        self.kept = 0

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if self.options.mail:
            return self.options.mail
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        refused = dict(pair.split("=", 1) for pair in self.options.rcpt)
        answer = refused.get(address, "")
        if answer.startswith("@"):
            # as long as there is such a file
            name = answer[1:]
            answer = open(name).read().strip() if os.path.exists(name) else ""
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.options.hang:
            await asyncio.sleep(3600)
        if self.options.data:
            return self.options.data
        facts = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "hello": session.host_name,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data.decode() if session.auth_data else None,
            "content": envelope.original_content.decode("utf-8"),
        }
        name = os.path.join(self.options.dir, f"{self.kept:03}.json")
        self.kept += 1
        with open(name + ".part", "w") as out:
            json.dump(facts, out)
        os.rename(name + ".part", name)
        return "250 taken"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        right = data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=right, handled=False, auth_data=data.login)

    return check


async def main(options):
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    starttls = context if not options.implicit else None
    user, password = options.user or (None, None)

    keeper = Keeper(options)

    def session():
        return SMTP(
            keeper,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=False,
            auth_required=user is not None,
            auth_exclude_mechanism=options.without,
            authenticator=authenticator(user, password) if user else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, "127.0.0.1", 0, ssl=context if options.implicit else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("--dir", required=True)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--implicit", action="store_true", help="TLS from the first byte")
parser.add_argument("--user", nargs=2, metavar=("NAME", "PASSWORD"))
parser.add_argument("--without", action="append", default=[], help="an AUTH mechanism not to offer")
parser.add_argument("--mail", help="the answer to MAIL")
parser.add_argument("--rcpt", action="append", default=[], metavar="ADDRESS=ANSWER")
parser.add_argument("--data", help="the answer to the message")
parser.add_argument("--hang", action="store_true", help="never answer the message")
asyncio.run(main(parser.parse_args()))

"""The crypto of wechatpy, to check ours against: one JSON request a line on stdin, one JSON answer a line on stdout.

encrypt: {"do", "key", "token", "app_id", "message", "timestamp", "nonce"} -> {"body", "msg_signature", "signature"}
decrypt: {"do", "key", "token", "app_id", "body"} -> {"message"} or {"error"}
parse:   {"do", "message"} -> {"type", "source", "target", "time", "content"}
"""

import json
import sys

from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner, to_text


def signed(*parts):
    signer = WeChatSigner()
    signer.add_data(*parts)
    return signer.signature


def encrypt(ask):
    crypto = WeChatCrypto(ask["token"], ask["key"], ask["app_id"])
    body = to_text(crypto.encrypt_message(ask["message"], ask["nonce"], ask["timestamp"]))
    encrypted = body.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    return {
        "body": body,
        "msg_signature": signed(ask["token"], ask["timestamp"], ask["nonce"], encrypted),
        "signature": signed(ask["token"], ask["timestamp"], ask["nonce"]),
    }


def decrypt(ask):
    crypto = WeChatCrypto(ask["token"], ask["key"], ask["app_id"])
    field = lambda name: ask["body"].split(f"<{name}>")[1].split(f"</{name}>")[0].removeprefix("<![CDATA[").removesuffix("]]>")
    try:
        message = crypto.decrypt_message(ask["body"], field("MsgSignature"), field("TimeStamp"), field("Nonce"))
    except Exception as error:  # whatever it is, the other side must hear of it
        return {"error": type(error).__name__}
    return {"message": to_text(message)}


def parse(ask):
    message = parse_message(ask["message"])
    return {
        "type": message.type,
        "source": message.source,
        "target": message.target,
        "time": int(message._data["CreateTime"]),
        "content": getattr(message, "content", None),
    }


for line in sys.stdin:
    ask = json.loads(line)
    answer = {"encrypt": encrypt, "decrypt": decrypt, "parse": parse}[ask["do"]](ask)
    print(json.dumps(answer), flush=True)

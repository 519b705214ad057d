// An SMPP message centre (SMSC) on `node-smpp`: one JSON order a line on stdin, one JSON event a line on stdout.
//
// orders: {"do": "deliver", "key", "pdu": {…, "message": hex, "payload": hex}}   delivers, over any open session
//         {"do": "enquire"} {"do": "cut"} {"do": "spoil", "bytes": hex}
// events: {"is": "listening", "port"} {"is": "bound", "account", "secret"} {"is": "closed"} {"is": "unbound"}
//         {"is": "answered", "key", "status"} {"is": "lost", "key"} {"is": "alive"}
//         {"is": "submitted", "to", "from", "coding", "class", "report", "text", "udh": [hex]}
"use strict";

const readline = require("node:readline");
const smpp = require("smpp");

const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const sessions = new Set();
// At most so many unanswered on one session.
const WINDOW = 10;
const queue = [];
let names = 0;
let turn = 0;

const server = smpp.createServer({ autoPrependBuffer: false }, (session) => {
  session.unanswered = new Map();
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    tell({ is: "bound", account: pdu.system_id, secret: pdu.password });
    if (pdu.system_id !== "hotline" || pdu.password !== "s3cret") {
      session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
      return;
    }
    session.send(pdu.response({ system_id: "centre" }));
    sessions.add(session);
    pump();
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    tell({ is: "unbound" });
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    const said = pdu.short_message;
    const id = `${(names += 1).toString(16).toUpperCase()}A`;
    tell({
      is: "submitted", id, to: pdu.destination_addr, from: pdu.source_addr, coding: pdu.data_coding,
      class: pdu.esm_class, report: pdu.registered_delivery, text: `${said.message}`,
      udh: (said.udh || []).map((element) => element.toString("hex")),
    });
    session.send(pdu.response({ message_id: id }));
  });
  session.on("close", () => {
    sessions.delete(session);
    tell({ is: "closed" });
    for (const order of session.unanswered.values()) {
      tell({ is: "lost", key: order.key });
      queue.unshift(order);
    }
    session.unanswered.clear();
    pump();
  });
});

function pump() {
  for (const session of [...sessions].slice(turn % Math.max(sessions.size, 1)).concat([...sessions])) {
    while (queue.length > 0 && session.unanswered.size < WINDOW) deliver(session, queue.shift());
  }
  turn += 1;
}

function deliver(session, order) {
  const { message, payload, ...pdu } = order.pdu;
  if (message !== undefined) pdu.short_message = Buffer.from(message, "hex");
  if (payload !== undefined) pdu.message_payload = Buffer.from(payload, "hex");
  session.unanswered.set(order.key, order);
  session.deliver_sm(pdu, (answer) => {
    if (!session.unanswered.delete(order.key)) return;
    tell({ is: "answered", key: order.key, status: answer.command_status });
    // A temporary error: again, after a moment.
    if (answer.command_status === smpp.ESME_RX_T_APPN) setTimeout(() => (queue.push(order), pump()), 300);
    pump();
  });
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  switch (order.do) {
    case "deliver":
      queue.push(order);
      pump();
      break;
    case "enquire":
      for (const session of sessions) session.enquire_link(() => tell({ is: "alive" }));
      break;
    case "cut":
      for (const session of sessions) session.socket.destroy();
      break;
    case "spoil":
      for (const session of sessions) session.socket.write(Buffer.from(order.bytes, "hex"));
      break;
  }
}).on("close", () => process.exit(0));

server.listen(0, "127.0.0.1", () => tell({ is: "listening", port: server.address().port }));

#!/usr/bin/env node
// A Maelstrom node: echo, and a skeleton for requests to other nodes and services.
'use strict';
const readline = require('readline');

let nodeId = '';
let nodeIds = [];
let nextId = 0;
const calls = new Map(); // requests that wait for an answer, by msg_id

/** Sends a message; each is one line. */
function send(dest, body) {
  process.stdout.write(JSON.stringify({ src: nodeId, dest, body }) + '\n');
}

/** Answers a request. */
function reply(request, body) {
  send(request.src, { ...body, in_reply_to: request.body.msg_id });
}

/** Sends a request; resolves to its answer, or to null if none comes in time. */
function call(dest, body, timeoutMs = 1000) {
  const msgId = ++nextId;
  return new Promise((resolve) => {
    const finish = (answer) => {
      clearTimeout(timer);
      calls.delete(msgId);
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    calls.set(msgId, finish);
    send(dest, { ...body, msg_id: msgId });
  });
}

/** Handles a request; it may await calls. */
async function handle(message) {
  const body = message.body;
  switch (body.type) {
    case 'init':
      nodeId = body.node_id;
      nodeIds = body.node_ids;
      return reply(message, { type: 'init_ok' });
    case 'echo':
      return reply(message, { type: 'echo_ok', echo: body.echo });
    default:
      return reply(message, { type: 'error', code: 10, text: `unknown request ${body.type}` });
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  const answered = message.body.in_reply_to;
  if (answered === undefined) {
    handle(message).catch((error) => console.error(error));
  } else if (calls.has(answered)) {
    calls.get(answered)(message.body);
  }
});

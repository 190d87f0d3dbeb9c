// onnx_peer.js -- what peers.py times of onnxruntime-node: the dense model 784-300-100-10 for one sample
//
// The model is written here as protobuf, field numbers as in onnx.proto of ONNX 1.12. NODE_PATH says where
// onnxruntime-node is.
//
// SPDX-License-Identifier: MIT
'use strict';
const ort = require('onnxruntime-node');

const WIDTHS = [784, 300, 100, 10];
const WORK = 'model/784-300-100-10/s90/b1';
const FLOAT = 1, INT = 2; // of tensors; of attributes

// ---- protobuf ----

function varint(n) {
  const bytes = [];
  for (; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) + 128);
  return Buffer.from([...bytes, n]);
}

const number = (field, n) => Buffer.concat([varint(field * 8), varint(n)]);
const bytes = (field, b) => Buffer.concat([varint(field * 8 + 2), varint(b.length), b]);
const text = (field, s) => bytes(field, Buffer.from(s));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

// ---- the model ----

function tensor(name, dims) {
  const count = dims.reduce((a, b) => a * b);
  const values = Float32Array.from({ length: count }, () => (Math.random() - 0.5) * 0.1);
  return message(5, ...dims.map((d) => number(1, d)), number(2, FLOAT), text(8, name), bytes(9, Buffer.from(values.buffer)));
}

function value(field, name, dims) {
  const shape = message(2, ...dims.map((d) => message(1, number(1, d))));
  return message(field, text(1, name), message(2, message(1, number(1, FLOAT), shape)));
}

function node(operator, inputs, output, ...attributes) {
  return message(1, ...inputs.map((i) => text(1, i)), text(2, output), text(4, operator), ...attributes);
}

function model() {
  const parts = [], layers = WIDTHS.length - 1;
  for (let l = 0; l < layers; l++) {
    const last = l + 1 === layers, to = last ? 'y' : `z${l}`;
    parts.push(tensor(`w${l}`, [WIDTHS[l + 1], WIDTHS[l]]), tensor(`b${l}`, [WIDTHS[l + 1]]));
    parts.push(node('Gemm', [l ? `h${l - 1}` : 'x', `w${l}`, `b${l}`], to, message(5, text(1, 'transB'), number(3, 1), number(20, INT))));
    if (!last) parts.push(node('Relu', [to], `h${l}`));
  }
  const graph = message(7, ...parts, text(2, 'net'), value(11, 'x', [1, WIDTHS[0]]), value(12, 'y', [1, WIDTHS[layers]]));
  return Buffer.concat([number(1, 7), graph, message(8, number(2, 13))]);
}

// ---- the conversation ----

function cpuTime() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function microseconds(session, feeds) {
  const start = cpuTime();
  let end = start, done = 0;
  for (let calls = 1; end - start < 50000; calls *= 2) {
    for (let i = 0; i < calls; i++) await session.run(feeds);
    done += calls;
    end = cpuTime();
  }
  return (end - start) / done;
}

async function main() {
  const session = await ort.InferenceSession.create(model(), { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', executionProviders: ['cpu'] });
  const feeds = { x: new ort.Tensor('float32', Float32Array.from({ length: WIDTHS[0] }, Math.random), [1, WIDTHS[0]]) };
  console.log(WORK);
  for await (const _ of require('readline').createInterface({ input: process.stdin }))
    console.log(await microseconds(session, feeds));
}

main();

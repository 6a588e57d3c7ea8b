// An upstream that streams: 64 SSE frames with usage, each its own write, as little work as possible so that the gateway is what is measured.
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
const FRAMES = 64;

const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const common = { id: 'bench', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'bench' };
const sse = (value) => `data: ${JSON.stringify(value)}\n\n`;
const word = (content) =>
  sse({ ...common, choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const end = sse({ ...common, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const usage = { prompt_tokens: 200, completion_tokens: FRAMES - 2, total_tokens: 200 + FRAMES - 2 };
const texts = [
  ...Array.from({ length: FRAMES - 2 }, (_, at) => word(` word${at}`)),
  end + sse({ ...common, choices: [], usage }),
  'data: [DONE]\n\n',
];
const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const writes = texts.map((text, at) =>
  Buffer.from((at === 0 ? head : '') + chunk(text) + (at === texts.length - 1 ? '0\r\n\r\n' : '')),
);

function answer(socket) {
  let at = 0;
  const next = () => {
    if (socket.destroyed || at >= writes.length) return;
    socket.write(writes[at]);
    at += 1;
    setImmediate(next);
  };
  next();
}

createServer({ noDelay: true }, (socket) => {
  let pending = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    for (;;) {
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const length =
        /content-length: *(\d+)/i.exec(pending.subarray(0, headEnd).toString('latin1'))?.[1] ?? '0';
      const total = headEnd + 4 + Number(length);
      if (pending.length < total) return;
      pending = pending.subarray(total);
      answer(socket);
    }
  });
}).listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));

// Long responses in a real browser: a WebSocket, server-sent events, a large file.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { launch } from './lib/chromium.mjs';
import { startDemo } from './lib/gateway.mjs';

const FILE = 50 << 20;

describe('streams in Chromium', () => {
  let demo;
  let chromium;
  let page;
  before(async () => {
    demo = await startDemo();
    chromium = await launch();
    const context = await chromium.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(30_000);
    page = await context.newPage();
    // A page without a Content-Security-Policy.
    const address = `${demo.url}/demo/echo`;
    await page.goto(address);
    await page.fill('[name=username]', 'alice');
    await Promise.all([page.waitForURL(address), page.press('[name=username]', 'Enter')]);
  });
  after(async () => {
    await chromium?.close();
    await demo?.stop();
  });

  it('the page comes over HTTP/2', async () => {
    assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
  });

  it('a WebSocket says back what it hears', async () => {
    const heard = await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(`wss://${location.host}/demo/ws`);
          socket.binaryType = 'arraybuffer';
          const big = new Uint8Array(300_000).map((_, index) => index % 251);
          const messages = [];
          socket.onopen = () => {
            socket.send('grüße');
            socket.send(big);
          };
          socket.onmessage = ({ data }) => {
            messages.push(typeof data === 'string' ? data : new Uint8Array(data).every((byte, index) => byte === big[index]) && data.byteLength);
            if (messages.length === 2) socket.close(1000);
          };
          socket.onclose = ({ code, wasClean }) => resolve({ messages, code, wasClean });
          socket.onerror = () => reject(new Error('the WebSocket failed'));
        }),
    );
    assert.deepEqual(heard, { messages: ['grüße', 300_000], code: 1000, wasClean: true });
  });

  it('events come one by one, though their stream has no end', async () => {
    const events = await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const source = new EventSource('/demo/events');
          const heard = [];
          source.addEventListener('tick', ({ data, lastEventId }) => {
            heard.push([lastEventId, JSON.parse(data).count]);
            if (heard.length < 4) return;
            source.close();
            resolve(heard);
          });
          // An EventSource reconnects by itself, and the counts would start again.
          source.onerror = () => reject(new Error(`the stream broke after ${heard.length} events`));
        }),
    );
    assert.deepEqual(events, [['0', 0], ['1', 1], ['2', 2], ['3', 3]]);
  });

  it('a large file is downloaded to the byte', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.evaluate((bytes) => Object.assign(document.createElement('a'), { href: `/res/${bytes}`, download: 'file' }).click(), FILE),
    ]);
    assert.equal(await download.failure(), null);
    const [hash, expected] = [createHash('sha256'), createHash('sha256')];
    await pipeline(createReadStream(await download.path()), hash);
    for (const piece of Array(FILE >> 20).fill(Buffer.alloc(1 << 20, 'c'))) expected.update(piece);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
  });
});

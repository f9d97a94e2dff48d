// Uploads of 200 MB in which the gateway looks for Campaign's tokens: nothing changes, and the gateway's memory does not grow.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { after, before, describe, it } from 'node:test';
import { startWorld } from './lib/world.mjs';

const LENGTH = 200 << 20;
const ENVELOPE = `<E:Envelope xmlns:E='http://schemas.xmlsoap.org/soap/envelope/'><E:Body><PushEvents xmlns='urn:nms:rtEvent'><sessiontoken/><events>`;

const uploads = {
  'a file in a multipart form': {
    path: '/xtk/upload',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    parts: ['--x\r\nContent-Disposition: form-data; name="file_noMd5"; filename="a"\r\n\r\n', 'some bytes \r\n--y\r\n', '\r\n--x--\r\n'],
  },
  'a form': {
    path: '/xtk/upload',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    parts: ['a=', 'b&__sessio=c&long=', 'd'],
  },
  'an envelope of many elements': {
    path: '/nl/jsp/soaprouter.jsp',
    headers: { 'content-type': 'text/xml', soapaction: 'nms:rtEvent#PushEvents' },
    parts: [ENVELOPE, `<event email='a@example.com'>aGVsbG8=</event>`, '</events></PushEvents></E:Body></E:Envelope>'],
  },
};

describe('uploads of 200 MB', () => {
  let world;
  let cookie;
  before(async () => {
    world = await startWorld();
    const browser = world.browser();
    await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
    cookie = browser.cookieHeader(new URL(world.gateway.url));
  });
  after(() => world?.stop());

  /** The peak resident memory of the gateway in MB. */
  const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${world.gateway.pid}/status`, 'utf8'))[1]) / 1024;

  for (const [name, { path, headers, parts: [begin, filling, end] }] of Object.entries(uploads)) {
    it(name, async () => {
      const before = peak();
      const request = https.request(`${world.gateway.url}${path}`, {
        method: 'POST',
        ca: world.gateway.ca,
        headers: { ...headers, cookie, 'sec-fetch-site': 'same-origin' },
      });
      const answered = once(request, 'response');
      const hash = createHash('sha1');
      let sent = 0;
      const write = async (bytes) => {
        hash.update(bytes);
        sent += bytes.length;
        if (!request.write(bytes)) await once(request, 'drain');
      };
      await write(Buffer.from(begin));
      const chunk = Buffer.from(filling.repeat(Math.ceil((256 << 10) / filling.length)));
      while (sent < LENGTH) await write(chunk);
      await write(Buffer.from(end));
      request.end();
      const [response] = await answered;
      const text = (await response.toArray()).join('');
      assert.equal(response.statusCode, 200, text);
      assert.deepEqual(JSON.parse(text), { bytes: sent, sha1: hash.digest('hex') });
      assert.ok(peak() < before + 32, `${before} MB before, ${peak()} MB at most`);
    });
  }
});

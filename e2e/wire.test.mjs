// Both HTTP versions with curl, large streams with constant memory, WebSockets, responses to requests without a session,
// the plain-HTTP listener, foreign hosts, and a clean stop.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { send } from './lib/browser.mjs';
import { pattern, patternHash } from './lib/media.mjs';
import { eventually, sleep } from './lib/net.mjs';
import { startWorld } from './lib/world.mjs';

const SESSION = '__Host-imsgate';
const BIG = Number(process.env.E2E_BIG_BYTES ?? 1 << 30);
const GROWTH_LIMIT_KB = 100 * 1024;
const VERSIONS = { '--http1.1': '1.1', '--http2': '2' };

describe('on the wire', () => {
  let world;
  let url;
  let cookie;
  before(async () => {
    world = await startWorld();
    url = world.gateway.url;
    const browser = world.browser();
    await browser.signIn(`${url}/view/home`, 'alice');
    cookie = `${SESSION}=${browser.cookie(SESSION).value}`;
  });
  after(() => world?.stop());

  const curl = (streams, ...args) => runCurl(world.gateway.caFile, streams, args);

  for (const [flag, version] of Object.entries(VERSIONS)) {
    it(`a page over HTTP/${version}`, async () => {
      const answer = await curl({}, flag, '-H', `Cookie: ${cookie}`, '-w', '\n%{http_version} %{http_code}', `${url}/xtk/echo?v=${version}`);
      const [body, tail] = answer.text.split('\n');
      assert.equal(tail, `${version} 200`);
      assert.equal(JSON.parse(body).url, `/xtk/echo?v=${version}`);
    });

    it(`${BIG} bytes up over HTTP/${version}, memory flat`, { timeout: 600_000 }, async () => {
      const memory = watchMemory(world.gateway.pid);
      const answer = await curl({ input: Readable.from(pattern(BIG)) }, flag, '-T', '-', '-H', `Cookie: ${cookie}`, `${url}/xtk/upload`);
      assert.deepEqual(JSON.parse(answer.text), { bytes: BIG, sha1: patternHash(BIG) });
      memory.assertFlat();
    });

    it(`${BIG} bytes down over HTTP/${version}, memory flat`, { timeout: 600_000 }, async () => {
      const memory = watchMemory(world.gateway.pid);
      const hash = createHash('sha1');
      const answer = await curl({ output: hash }, flag, '-H', `Cookie: ${cookie}`, `${url}/xtk/download?bytes=${BIG}`);
      assert.equal(answer.bytes, BIG);
      assert.equal(hash.digest('hex'), patternHash(BIG));
      memory.assertFlat();
    });

    it(`a host that is not ours gets 421 over HTTP/${version}`, async () => {
      const { port } = new URL(url);
      for (const path of ['/view/home', '/r/test', '/ims/login']) {
        const foreign = ['--insecure', '--connect-to', `evil.example:${port}:127.0.0.1:${port}`, `https://evil.example:${port}${path}`];
        const answer = await curl({}, flag, '-o', '/dev/null', '-w', '%{http_code}', ...foreign);
        assert.equal(answer.text, '421', path);
      }
    });
  }

  it('a client that stops reading does not fill the gateway', async () => {
    const memory = watchMemory(world.gateway.pid);
    const child = spawn('curl', ['-sS', '--cacert', world.gateway.caFile, '--limit-rate', '10k', '-o', '/dev/null', '-H', `Cookie: ${cookie}`, `${url}/xtk/download?bytes=${BIG}`]);
    await sleep(3000);
    child.kill();
    memory.assertFlat();
  });

  it('a WebSocket echoes through the gateway, and needs a session', async () => {
    const target = `${url.replace('https', 'wss')}/xtk/ws`;
    const socket = new WebSocket(target, { ca: world.gateway.ca, family: 4, headers: { cookie, origin: url } });
    const received = [];
    socket.on('message', (data, isBinary) => received.push(isBinary ? data : data.toString()));
    await once(socket, 'open');
    const big = Buffer.concat([...pattern(300_000)]);
    socket.send('grüße');
    socket.send(big);
    await eventually('both messages came back', () => received.length === 2);
    assert.equal(received[0], 'grüße');
    assert.ok(big.equals(received[1]));
    socket.close(1000);
    await once(socket, 'close');

    const refused = new WebSocket(target, { ca: world.gateway.ca, family: 4, headers: { origin: url } });
    const [, response] = await once(refused, 'unexpected-response');
    assert.equal(response.statusCode, 401);
  });

  describe('without a session', () => {
    const get = (path, headers, options) => send(`${url}${path}`, { ca: world.gateway.ca, headers, ...options });

    for (const [what, headers] of Object.entries({
      'Sec-Fetch-Mode': { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
      Accept: { accept: 'text/html,application/xhtml+xml' },
    })) {
      it(`a navigation (by ${what}) goes to IMS with 303`, async () => {
        const answer = await get('/view/home?a=1', headers);
        assert.equal(answer.status, 303);
        const target = new URL(answer.headers.location);
        assert.equal(target.origin + target.pathname, `${world.ims.url}/ims/authorize/v2`);
        const query = target.searchParams;
        assert.equal(query.get('response_type'), 'code');
        assert.equal(query.get('client_id'), world.ims.clientId);
        assert.equal(query.get('redirect_uri'), `${url}/ims/callback`);
        assert.equal(query.get('code_challenge_method'), 'S256');
        assert.match(query.get('code_challenge'), /^[\w-]{43}$/);
        assert.deepEqual(query.get('scope').split(' ').sort(), ['AdobeID', 'additional_info.projectedProductContext', 'openid', 'read_organizations', 'session']);
        for (const name of ['state', 'nonce']) assert.ok(query.get(name).length >= 22, `${name} is long enough`);
        assert.ok(query.get('state').length <= 4096);
        assert.match(answer.headers['cache-control'] ?? '', /no-store/);
      });
    }

    for (const [what, headers] of Object.entries({
      XHR: { accept: 'application/json', 'x-requested-with': 'XMLHttpRequest' },
      fetch: { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' },
      'unknown session cookie': { accept: 'application/json', cookie: `${SESSION}=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA` },
      'bearer token': { authorization: 'Bearer junk' },
    })) {
      it(`${what} gets 401 and where to sign in`, async () => {
        const answer = await get('/xtk/echo', headers);
        assert.equal(answer.status, 401);
        assert.match(answer.headers['content-type'], /^application\/json/);
        assert.deepEqual(answer.json(), { error: 'login_required', login: '/ims/login' });
      });
    }

    for (const type of ['application/soap+xml;charset=UTF-8', 'text/xml; charset=utf-8']) {
      it(`a SOAP call (${type.split(';')[0]}) gets XSV-350008 with 403`, async () => {
        const body = '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body/></SOAP-ENV:Envelope>';
        const headers = { 'content-type': type, soapaction: '"xtk:session#GetOption"', 'content-length': body.length };
        const answer = await get('/nl/jsp/soaprouter.jsp', headers, { method: 'POST', body });
        assert.equal(answer.status, 403);
        assert.match(answer.headers['content-type'], /xml/);
        assert.match(answer.text, /<faultstring[^>]*>XSV-350008 Session has expired or is invalid\. Please reconnect\.<\/faultstring>/);
      });
    }

    it('public paths reach Campaign, denied ones nobody', async () => {
      assert.match((await get('/r/test')).text, /status='OK'/);
      assert.equal((await get('/res/logo.png')).text, 'public asset');
      assert.equal((await get('/res/x.jsp')).status, 403);
      const asUser = await get('/res/x.jsp', { cookie });
      assert.equal(asUser.status, 403);
      assert.notEqual(asUser.text, 'public asset');
    });

    it('Campaign gets no byte of a request that needs a login', async () => {
      world.campaign.forget();
      await get('/view/home', { accept: 'text/html' });
      await get('/xtk/upload', { 'content-type': 'application/json' }, { method: 'POST', body: '{}' });
      await get('/view/home?x=/r/test', { accept: 'application/json' });
      for (const path of ['/r/../view/home', '/r/%2e%2e/view/home', '/r/..;/view/home', '/r/..%2fview/home', '/r/..\\view/home']) {
        const answer = await get('/', { accept: 'application/json' }, { path });
        assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
      }
      assert.deepEqual(world.campaign.requests.map((r) => r.url), []);
    });
  });

  it('the plain-HTTP listener only redirects to the callback server', async () => {
    const answer = await send(`${world.gateway.redirectUrl}/view/home?x=1`, { headers: { cookie } });
    assert.ok([301, 302, 307, 308].includes(answer.status), `${answer.status}`);
    assert.equal(answer.headers.location, `${url}/view/home?x=1`);
    const foreign = await send(`${world.gateway.redirectUrl}/view/home`, { headers: { host: 'evil.example' } });
    assert.ok(!(foreign.headers.location ?? '').includes('evil.example'));
  });

  it('health answers say nothing more', async () => {
    for (const probe of ['live', 'ready']) {
      const answer = await send(`${url}/ims/health/${probe}`, { ca: world.gateway.ca });
      assert.equal(answer.status, 200);
      assert.ok(answer.text.length < 100, answer.text);
    }
  });
});

describe('SIGTERM', () => {
  it('lets a running answer finish, then ends with status 0', async () => {
    const world = await startWorld({ session: 'headers' });
    let stopped = false;
    try {
      const browser = world.browser();
      await browser.signIn(`${world.gateway.url}/view/home`, 'alice');
      const answer = browser.request(`${world.gateway.url}/xtk/slow?ms=1500`);
      await eventually('Campaign has the request', () => world.campaign.requests.some((r) => r.url.startsWith('/xtk/slow')));
      const stop = world.gateway.stop(); // asserts the exit status
      stopped = true;
      assert.equal((await answer).text, 'begun\ndone\n');
      await stop;
      await assert.rejects(browser.request(`${world.gateway.url}/ims/health/live`), 'nobody listens any more');
    } finally {
      if (!stopped) await world.gateway.stop();
      await world.campaign.stop();
      await world.ims.stop();
    }
  });
});

/** Runs curl with the stream `input`, if any. Its output goes to the hash `output`, or is returned as `text`. */
async function runCurl(caFile, { input, output }, args) {
  const child = spawn('curl', ['-sS', '--ipv4', '--cacert', caFile, ...args]);
  let [text, errors, bytes] = ['', '', 0];
  child.stdout.on('data', (chunk) => {
    bytes += chunk.length;
    if (output) output.update(chunk);
    else text += chunk;
  });
  child.stderr.on('data', (chunk) => (errors += chunk));
  const ended = new Promise((resolve) => child.on('close', resolve));
  if (input) await pipeline(input, child.stdin).catch((error) => (errors += error.message));
  else child.stdin.end();
  const code = await ended;
  assert.equal(code, 0, `curl: ${code} ${errors}`);
  return { text, bytes };
}

/** Records the resident memory of `pid`; `assertFlat` compares the later peak with it. */
function watchMemory(pid) {
  const read = (field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const before = read('VmRSS');
  return {
    assertFlat() {
      const peak = read('VmHWM');
      const grown = peak - before;
      console.log(`# resident ${before} kB before, peak ${peak} kB, now ${read('VmRSS')} kB`);
      assert.ok(grown < GROWTH_LIMIT_KB, `grew by ${grown} kB`);
    },
  };
}

const once = (emitter, event) =>
  new Promise((resolve, reject) => {
    emitter.once(event, (...values) => resolve(values));
    if (event !== 'error') emitter.once('error', reject);
  });

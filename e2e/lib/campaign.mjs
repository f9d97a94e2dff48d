// A Campaign simulator: the SOAP router, a home page, public pages, large streams and a WebSocket echo. It asks IMS
// whether a bearer token is valid, has its own sessions, and records every request.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer } from 'ws';
import { identify } from './caller.mjs';
import { closeServer, listen } from './net.mjs';
import { pattern } from './media.mjs';
import { fault, soapRouter } from './soap.mjs';

/**
 * Starts Campaign on a free loopback port, its IMS at `ims` (`{url, clientId}`).
 *
 * With `trustHeaders` a request with the gateway's identity headers needs no session (mode `headers`).
 * Returns `url`, `requests` (`{method, url, headers, rawHeaders, soap}`), `sessions` (token to session), `logons` and
 * `logoffs`.
 */
export async function startCampaign({ ims, trustHeaders = false, saveVia }) {
  const state = { requests: [], sessions: new Map(), logons: [], logoffs: [] };
  const world = { ims, trustHeaders, saveVia, ...state };
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((request, response) => {
    const { method, url, headers, rawHeaders } = request;
    const record = { method, url, headers, rawHeaders };
    state.requests.push(record);
    route(world, request, response, record).catch((error) => {
      console.error('campaign:', error);
      response.destroy();
    });
  });
  server.on('upgrade', async (request, socket, head) => {
    const { method, url, headers, rawHeaders } = request;
    state.requests.push({ method, url, headers, rawHeaders });
    if (url !== '/xtk/ws' || !(await identify(world, request))) {
      return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    sockets.handleUpgrade(request, socket, head, (peer) => {
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    });
  });
  server.requestTimeout = 0;
  const url = `http://127.0.0.1:${await listen(server)}`;
  return {
    url,
    ...state,
    forget: () => state.requests.splice(0),
    stop: async () => {
      for (const peer of sockets.clients) peer.terminate();
      await closeServer(server);
    },
  };
}

async function route(world, request, response, record) {
  const { pathname, searchParams } = new URL(request.url, 'http://campaign');
  // A long call is counted, not read into memory.
  if (request.headers.soapaction === 'nms:rtEvent#PushEvents') return count(request, response);
  if (pathname === '/nl/jsp/soaprouter.jsp') return soapRouter(world, request, response, record);
  if (pathname === '/r/test') {
    return reply(response, 200, 'text/xml', `<redir status='OK' date='${stamp()}' build='9236' host='acme' localHost='acme'/>`);
  }
  if (pathname.startsWith('/res/')) return reply(response, 200, 'text/plain', 'public asset');

  const who = await identify(world, request);
  if (!who) return reply(response, 403, 'text/xml', fault('XSV-350008 Session has expired or is invalid. Please reconnect.'));
  if (pathname === '/view/home') {
    // A real Campaign renews its cookie. The gateway must not forward it to the client.
    response.setHeader('set-cookie', `__sessiontoken=${who.token ?? ''}; Path=/; HttpOnly`);
    return reply(response, 200, 'text/html', `<!doctype html><title>Campaign</title><h1>Welcome ${who.login}</h1>`);
  }
  if (pathname === '/view/edit') return reply(response, 200, 'text/html', editor(who));
  if (pathname === '/view/save') return save(who, request, response, record, searchParams.has('elsewhere') && world.saveVia);
  if (pathname === '/xtk/echo') {
    return reply(response, 200, 'application/json', JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders }));
  }
  if (pathname === '/xtk/upload') return count(request, response);
  if (pathname === '/xtk/download') return download(response, Number(searchParams.get('bytes')));
  if (pathname === '/xtk/slow') return slow(response, Number(searchParams.get('ms')));
  if (pathname === '/nl/jsp/ping.jsp') return reply(response, 200, 'text/plain', `OK\n${stamp()}`);
  return reply(response, 404, 'text/plain', 'no such page');
}

/** Two forms, each with the security token in a hidden field, like Campaign's pages. */
const editor = (who) => {
  const token = `<input type="hidden" name="__securitytoken" value="${who.security ?? ''}">`;
  return `<!doctype html><title>Delivery</title><h1>Delivery</h1>
<form id="plain" method="post" action="save?id=7&amp;lang=%22en%22">${token}<input name="label"><button>Save</button></form>
<form id="elsewhere" method="post" action="save?elsewhere=1">${token}<input name="label"><button>Save</button></form>
<form id="upload" method="post" action="save?id=8" enctype="multipart/form-data">${token}<input name="label">
<input type="file" name="file"><button>Upload</button></form>`;
};

/** Accepts a form with the security token of the session; `record.form` is its body. */
async function save(who, request, response, record, via) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const sent = new Response(Buffer.concat(chunks), { headers: { 'content-type': request.headers['content-type'] } });
  record.form = await sent.formData();
  if (record.form.get('__securitytoken') !== who.security) return reply(response, 403, 'text/plain', 'not from a page of this session');
  if (via) return void response.writeHead(302, { location: via }).end();
  return reply(response, 200, 'text/html', '<!doctype html><title>Saved</title><h1>Saved</h1><a href="edit">Back</a>');
}

/** Counts and hashes a body without storing it. */
async function count(request, response) {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  reply(response, 200, 'application/json', JSON.stringify({ bytes, sha1: hash.digest('hex') }));
}

/** Sends `bytes` of the known pattern, as fast as the peer reads. */
async function download(response, bytes) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  await pipeline(Readable.from(pattern(bytes)), response).catch(() => {}); // the reader may leave early
}

/** Sends the head at once and the end after `ms`. */
function slow(response, ms) {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('begun\n');
  setTimeout(() => response.end('done\n'), ms);
}

function reply(response, status, type, body) {
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

const stamp = () => new Date().toISOString();

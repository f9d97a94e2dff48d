// Runs the real program: writes a configuration and a certificate into a new directory, starts `imsgate`, waits until it
// is ready, and stops it as a service manager would.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { send } from './browser.mjs';
import { eventually, freePort } from './net.mjs';
import { MASK, ORGANIZATION, PRODUCT_CONTEXT } from './people.mjs';

/** The program under test: `IMSGATE_BIN`, else the release build, else the debug build. */
export function binary() {
  const root = resolve(import.meta.dirname, '../..');
  const candidates = process.env.IMSGATE_BIN
    ? [resolve(process.env.IMSGATE_BIN)]
    : [join(root, 'target/release/imsgate'), join(root, 'target/debug/imsgate')];
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`no program to test; looked for ${candidates.join(', ')}: cargo build --release`);
  return found;
}

/**
 * Starts `imsgate serve` on `port` in front of `campaign`, with `ims` as Adobe IMS.
 *
 * `session` is `campaign.session`, `idleTimeout` is `session.idle_timeout`; with `admin` there is an admin listener, and the
 * certificate is valid for `days`. `instances` are `{name, host, isPublic}`; without them there is one without a name. Returns `url`, `admin` (host and port), `redirectUrl` (the plain listener), `ca`, `pid`, `log()` and `stop()`.
 */
export async function startGateway({ port, ims, campaign, session = 'bearer-logon', workers = 2, idleTimeout = '30m', admin = false, days = 1, instances = [] }) {
  const dir = mkdtempSync(join(tmpdir(), 'imsgate-e2e-'));
  const redirectPort = await freePort();
  const adminAddress = admin ? `127.0.0.1:${await freePort()}` : undefined;
  certificate(dir, days);
  const url = `https://localhost:${port}`;
  writeFileSync(join(dir, 'client_secret'), `${ims.clientSecret}\n`, { mode: 0o600 });
  writeFileSync(
    join(dir, 'imsgate.toml'),
    `[ims]
server = "${ims.url}"
client_id = "${ims.clientId}"
client_secret_file = "${join(dir, 'client_secret')}"
scope = "openid,AdobeID,read_organizations,session,additional_info.projectedProductContext"
callback_server = "${url}"
organization_id = "${ORGANIZATION}"
association_mask = "${MASK}"
product_context = "${PRODUCT_CONTEXT}"

[campaign]
upstream = "${campaign.url}"
session = "${session}"

[listen]
https = "127.0.0.1:${port}"
certificate = "${join(dir, 'gateway.pem')}"
private_key = "${join(dir, 'gateway.key')}"
http_redirect = "127.0.0.1:${redirectPort}"
workers = ${workers}
${adminAddress ? `admin = "${adminAddress}"` : ''}

[session]
store = "memory"
idle_timeout = "${idleTimeout}"
${instances.map((instance) => table(instance, port)).join('')}`,
  );
  const ca = readFileSync(join(dir, 'gateway.pem'), 'utf8');
  const program = run(['serve', '--config', join(dir, 'imsgate.toml')], { cwd: dir });
  await ready(program, url, days > 0 ? ca : undefined);
  return {
    url,
    admin: adminAddress,
    redirectUrl: `http://localhost:${redirectPort}`,
    ca,
    caFile: join(dir, 'gateway.pem'),
    ...program,
    async stop() {
      await program.stop().finally(() => rmSync(dir, { recursive: true, force: true }));
    },
  };
}

/** The `[[instance]]` of an instance; the sections at the top have the rest. */
const table = ({ name, host, isPublic }, port) =>
  `[[instance]]\nname = "${name}"\n` +
  (isPublic ? `hosts = ["${host}"]\n` : `[instance.ims]\ncallback_server = "https://${host}:${port}"\n`);

/** Starts `imsgate demo`. Its certificate is only in memory, so clients cannot check it. */
export async function startDemo() {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'imsgate-e2e-demo-'));
  const program = run(['demo', '--listen', `127.0.0.1:${port}`], { cwd: dir });
  const url = `https://localhost:${port}`;
  await ready(program, url, undefined);
  return {
    url,
    ...program,
    async stop() {
      await program.stop().finally(() => rmSync(dir, { recursive: true, force: true }));
    },
  };
}

/** A self-signed certificate for localhost, valid for so many days from now; with 0 it expired years ago. */
function certificate(dir, days) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const request = [
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'gateway.key'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  ];
  if (days > 0) {
    openssl(...request, '-x509', '-days', `${days}`, '-out', 'gateway.pem');
    return;
  }
  // Only `openssl ca` sets both dates in every version.
  openssl(...request, '-out', 'gateway.csr');
  const lines = ['[ca]', 'default_ca=d', '[d]', 'database=index.txt', 'new_certs_dir=.', 'serial=serial'];
  const more = ['default_md=sha256', 'policy=p', 'copy_extensions=copy', '[p]', 'commonName=supplied'];
  writeFileSync(join(dir, 'ca.cnf'), `${[...lines, ...more].join('\n')}\n`);
  writeFileSync(join(dir, 'index.txt'), '');
  writeFileSync(join(dir, 'serial'), '01\n');
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
  openssl(...['ca', '-selfsign', '-batch', '-notext', '-config', 'ca.cnf', '-keyfile', 'gateway.key', ...dates], ...['-in', 'gateway.csr', '-out', 'gateway.pem']);
}

function run(args, { cwd }) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('IMSGATE_')));
  const child = spawn(binary(), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  const exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  const state = { exited: undefined };
  exit.then((value) => (state.exited = value));
  process.on('exit', () => child.kill('SIGKILL'));
  return {
    dir: cwd,
    pid: child.pid,
    out: () => out,
    log: () => out + err,
    exited: () => state.exited,
    kill: () => child.kill('SIGKILL'),
    /** SIGTERM must end the program cleanly: exit status 0 within ten seconds. */
    async stop(timeoutMs = 10_000) {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      const ended = await exit;
      clearTimeout(late);
      assert.deepEqual(ended, { code: 0, signal: null }, `exit after SIGTERM\n${(out + err).slice(-3000)}`);
    },
  };
}

async function ready(program, url, ca) {
  await eventually(
    'the gateway is ready',
    async () => {
      if (program.exited()) throw new Error('ended');
      const answer = await send(`${url}/ims/health/sign-in`, ca ? { ca } : { insecure: true });
      return answer.status === 200;
    },
    20_000,
  ).catch((error) => {
    program.kill();
    rmSync(program.dir, { recursive: true, force: true });
    throw new Error(`${error.message}\n${program.log().slice(-4000)}`);
  });
}

/** An access token of the demo's account, as its program gets it. */
export async function clientCredentials(demo) {
  const ims = /IMS simulator\s+(http:\S+)/.exec(demo.out())[1];
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'demo-robot',
    client_secret: 'secret-of-demo-robot',
    scope: 'openid,AdobeID,read_organizations',
  });
  const answer = await fetch(`${ims}/ims/token/v3`, { method: 'POST', body: form });
  return (await answer.json()).access_token;
}

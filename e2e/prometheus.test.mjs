// A real Prometheus scrapes the gateway and evaluates packaging/prometheus/alerts.yml, while Campaign and IMS go away, a certificate
// expires and a process ends. The times of the rules are shortened in a copy: `for` to nothing, ranges to a few seconds.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { send } from './lib/browser.mjs';
import { startGateway } from './lib/gateway.mjs';
import { eventually, freePort } from './lib/net.mjs';
import { startWorld } from './lib/world.mjs';

const RULES = resolve(import.meta.dirname, '../packaging/prometheus/alerts.yml');
const isMissing = ['prometheus', 'promtool'].some((program) => spawnSync(program, ['--version']).error);
// With CI=true the test fails without them.
const skip = isMissing && process.env.CI !== 'true' && 'prometheus is not installed (Debian package prometheus)';

describe('a real Prometheus', { skip }, () => {
  let world;
  let expired;
  let prometheus;
  before(async () => {
    world = await startWorld({ admin: true, days: 90 });
    const port = await freePort();
    const { ims, campaign } = world;
    expired = await startGateway({ port, ims, campaign, admin: true, days: 0 });
    prometheus = await startPrometheus([world.gateway.admin, expired.admin]);
  });
  after(async () => {
    await prometheus?.stop();
    await Promise.allSettled([expired?.exited() ? undefined : expired?.stop(), world?.stop()]);
  });

  it('reads every metric', async () => {
    const page = await world.browser().signIn(`${world.gateway.url}/xtk/echo`, 'alice');
    assert.equal(page.status, 200, page.text);
    const text = (await send(`http://${world.gateway.admin}/metrics`)).text;
    execFileSync('promtool', ['check', 'metrics'], { input: text, stdio: ['pipe', 'pipe', 'inherit'] });
    await eventually('both targets are scraped', async () => {
      const { activeTargets } = await prometheus.api('targets');
      assert.deepEqual(activeTargets.map((target) => target.lastError).filter(Boolean), []);
      return activeTargets.length === 2 && activeTargets.every((target) => target.health === 'up');
    }, 20_000);
    const names = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map(([, name, kind]) => [name, kind]);
    assert.ok(names.length > 40, `${names.length} metrics`);
    await eventually('Prometheus knows the type of each metric', async () => {
      const known = await prometheus.api('metadata');
      // In OpenMetrics a counter has its suffix only at its values, and an information is no gauge.
      return names.every(([name, kind]) => {
        const bare = name.replace(/_(total|info)$/, '');
        const types = (known[name] ?? known[bare] ?? []).map(({ type }) => type);
        return types.includes(kind) || (name.endsWith('_info') && types.includes('info'));
      });
    }, 20_000);
  });

  it('finds no fault but the expired certificate', async () => {
    await eventually('all rules are evaluated', async () => {
      const { groups } = await prometheus.api('rules');
      const rules = groups.flatMap((group) => group.rules);
      assert.deepEqual(rules.filter((rule) => rule.lastError).map((rule) => rule.lastError), []);
      return rules.length > 10 && rules.every((rule) => rule.health === 'ok');
    }, 20_000);
    await firing('ImsgateCertificateExpired', ({ labels }) => labels.instance === expired.admin);
    const others = (await prometheus.alerts()).filter(({ labels }) => labels.instance === world.gateway.admin);
    assert.deepEqual(others.map(({ labels }) => labels.alertname), []);
  });

  it('sees that IMS does not answer', async () => {
    const { url } = world.gateway;
    await world.ims.stop();
    await eventually('the alert', async () => {
      // Back from IMS with a code, which cannot be exchanged.
      const browser = world.browser();
      const begun = await browser.request(`${url}/xtk/echo`, { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } });
      const state = new URL(begun.headers.location).searchParams.get('state');
      await browser.request(`${url}/ims/callback?code=any&state=${state}&iss=${encodeURIComponent(world.ims.url)}`);
      return (await prometheus.firing('ImsgateImsDown')) && prometheus.firing('ImsgateSignInsFailing');
    }, 30_000);
  });

  it('sees that Campaign does not answer', async () => {
    await world.campaign.stop();
    await eventually('the alerts', async () => {
      await send(`${world.gateway.url}/r/test`, { ca: world.gateway.ca });
      return (await prometheus.firing('ImsgateCampaignDown')) && prometheus.firing('ImsgateCampaignErrors');
    }, 30_000);
  });

  it('sees that a process has ended', async () => {
    await expired.stop();
    await firing('ImsgateDown', ({ labels, annotations }) => {
      assert.match(annotations.summary, new RegExp(expired.admin));
      return labels.instance === expired.admin;
    });
  });

  const firing = (name, matches = () => true) =>
    eventually(name, async () => (await prometheus.alerts()).some((alert) => alert.labels.alertname === name && matches(alert)), 30_000);
});

/** Starts Prometheus for these targets. Returns `api(path)`, `alerts()` (those that fire), `firing(name)` and `stop()`. */
async function startPrometheus(targets) {
  const dir = mkdtempSync(join(tmpdir(), 'imsgate-prometheus-'));
  const rules = readFileSync(RULES, 'utf8').replace(/for: \d+m/g, 'for: 0s').replace(/\[\d+m\]/g, '[6s]');
  writeFileSync(join(dir, 'alerts.yml'), rules);
  writeFileSync(
    join(dir, 'prometheus.yml'),
    `global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }
rule_files: [alerts.yml]
scrape_configs: [{ job_name: imsgate, static_configs: [{ targets: ${JSON.stringify(targets)} }] }]
`,
  );
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [`--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=${address}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const exit = new Promise((done) => child.on('close', done));
  process.on('exit', () => child.kill('SIGKILL'));
  const api = async (path) => {
    const answer = (await send(`http://${address}/api/v1/${path}`)).json();
    assert.equal(answer.status, 'success', JSON.stringify(answer));
    return answer.data;
  };
  const alerts = async () => (await api('alerts')).alerts.filter((alert) => alert.state === 'firing');
  const stop = async () => {
    child.kill('SIGTERM');
    await exit;
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await eventually('Prometheus is ready', async () => (await send(`http://${address}/-/ready`)).status === 200, 20_000);
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${log.slice(-3000)}`);
  }
  return { api, alerts, firing: async (name) => (await alerts()).some(({ labels }) => labels.alertname === name), stop };
}

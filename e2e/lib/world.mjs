// A complete deployment: provider, Campaign and gateway.
import { Browser } from './browser.mjs';
import { startCampaign } from './campaign.mjs';
import { startGateway } from './gateway.mjs';
import { freePort } from './net.mjs';
import { startProvider } from './provider.mjs';

/**
 * Starts all three; `session` is the gateway's `campaign.session`, `idleTimeout` its `session.idle_timeout`, `accessTtl` as for
 * the provider, as is `logoutVia`; `saveVia` is where Campaign redirects a form that asks for it; `admin` and
 * `days` are as for the gateway, and `instances` too; each has a callback of its own at the provider.
 */
export async function startWorld({ session = 'bearer-logon', workers, idleTimeout, accessTtl, logoutVia, saveVia, admin, days, instances = [] } = {}) {
  const port = await freePort();
  const hosts = ['localhost', ...instances.map(({ host }) => host)];
  const redirectUris = [...new Set(hosts)].map((host) => `https://${host}:${port}/ims/callback`);
  const ims = await startProvider({ redirectUris, accessTtl, logoutVia });
  const campaign = await startCampaign({ ims, trustHeaders: session === 'headers', saveVia });
  const parts = [ims, campaign];
  // Stops everything, also if the gateway fails to stop; then that is the error.
  const stop = async () => {
    const results = await Promise.allSettled([...parts].reverse().map((part) => part.stop()));
    for (const { reason } of results) if (reason) throw reason;
  };
  try {
    const gateway = await startGateway({ port, ims, campaign, session, workers, idleTimeout, admin, days, instances });
    parts.push(gateway);
    return { ims, campaign, gateway, stop, browser: () => new Browser({ ca: gateway.ca }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

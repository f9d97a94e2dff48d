// A simple HTTP browser: a cookie jar, redirects, the fetch metadata of a navigation, and forms. It uses node's HTTP/1.1
// client.
import http from 'node:http';
import https from 'node:https';

export class Browser {
  /** `ca` is the PEM of the certificate to trust; `insecure` trusts every one. */
  constructor({ ca, insecure = false } = {}) {
    this.ca = ca;
    this.insecure = insecure;
    this.cookies = []; // {host, name, value, path, secure, httpOnly, sameSite}
    this.trail = []; // every address visited, with its status
  }

  /** One request; redirects are not followed. Cookies are sent and stored. `body` may be URLSearchParams. */
  async request(url, { method = 'GET', headers = {}, body, cookies = true } = {}) {
    const target = new URL(url);
    const cookie = cookies ? this.cookieHeader(target) : '';
    const form = body instanceof URLSearchParams;
    const answer = await send(target, {
      method,
      ca: this.ca,
      insecure: this.insecure,
      body: form ? body.toString() : body,
      headers: {
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(cookie && { cookie }),
        ...headers,
      },
    });
    for (const line of answer.headers['set-cookie'] ?? []) this.keep(target, line);
    this.trail.push({ url: target.href, status: answer.status });
    return answer;
  }

  /** A top-level navigation; redirects are followed. */
  async navigate(url, { method = 'GET', body, from, limit = 12 } = {}) {
    let target = new URL(url);
    const site = from === undefined ? 'none' : siteOf(new URL(from), target);
    for (let hop = 0; hop < limit; hop += 1) {
      const answer = await this.request(target, {
        method,
        body,
        headers: {
          accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
          'sec-fetch-site': hop === 0 ? site : 'cross-site',
          'upgrade-insecure-requests': '1',
          ...(method === 'POST' && { origin: new URL(from ?? target).origin }),
        },
      });
      if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
      target = new URL(answer.headers.location, target);
      if (answer.status < 307) [method, body] = ['GET', undefined];
    }
    throw new Error(`too many redirects, last ${target}`);
  }

  /** Submits the (only or `match`ing) form of a page with its hidden fields and `fields`. */
  submit(page, fields = {}, match = /<form[^>]*>[\s\S]*?<\/form>/i) {
    const [form] = match.exec(page.text) ?? [];
    if (!form) throw new Error(`no form on ${page.url}: ${page.text.slice(0, 300)}`);
    const action = unescape(/<form[^>]*\baction="([^"]*)"/i.exec(form)?.[1] ?? page.url);
    const method = (/<form[^>]*\bmethod="?(\w+)/i.exec(form)?.[1] ?? 'get').toUpperCase();
    const values = new URLSearchParams();
    for (const [input] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/gi)) {
      values.set(unescape(/name="([^"]*)"/i.exec(input)[1]), unescape(/value="([^"]*)"/i.exec(input)?.[1] ?? ''));
    }
    for (const [name, value] of Object.entries(fields)) values.set(name, value);
    const target = new URL(action, page.url);
    return method === 'POST'
      ? this.navigate(target, { method, body: values, from: page.url })
      : this.navigate(`${target}?${values}`, { from: page.url });
  }

  /** Opens `url`, types `name` into the sign-in form, and returns the final page. */
  async signIn(url, name) {
    const form = await this.navigate(url);
    if (!form.text.includes('name="username"')) throw new Error(`no sign-in form but ${form.status} ${form.url}`);
    return this.submit(form, { username: name });
  }

  /** The stored cookie of that name, or undefined. */
  cookie(name) {
    return this.cookies.find((cookie) => cookie.name === name);
  }

  cookieHeader(target) {
    return this.cookies
      .filter((c) => c.host === target.hostname && (!c.secure || target.protocol === 'https:'))
      .filter((c) => target.pathname === c.path || target.pathname.startsWith(c.path.endsWith('/') ? c.path : `${c.path}/`))
      .map((c) => `${c.name}=${c.value}`)
      .join('; ');
  }

  /** RFC 6265 §5.3 for host-only cookies, and the `__Host-` prefix of RFC 6265bis. */
  keep(target, line) {
    const [pair, ...rest] = line.split(';').map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const attribute = (wanted) => {
      const found = rest.find((part) => part.toLowerCase().split('=')[0] === wanted);
      return found && (found.includes('=') ? found.slice(found.indexOf('=') + 1) : true);
    };
    const path = typeof attribute('path') === 'string' && attribute('path').startsWith('/') ? attribute('path') : defaultPath(target);
    const secure = Boolean(attribute('secure'));
    if (attribute('domain')) throw new Error(`a cookie for a whole domain: ${line}`);
    if (secure && target.protocol !== 'https:') return;
    if (name.startsWith('__Host-') && !(secure && path === '/')) throw new Error(`a browser refuses this cookie: ${line}`);
    this.cookies = this.cookies.filter((c) => !(c.host === target.hostname && c.name === name && c.path === path));
    const maxAge = attribute('max-age');
    const expires = attribute('expires');
    const gone = maxAge !== undefined ? Number(maxAge) <= 0 : expires !== undefined && Date.parse(expires) <= Date.now();
    if (gone) return;
    const sameSite = String(attribute('samesite') ?? '').toLowerCase();
    this.cookies.push({ host: target.hostname, name, value, path, secure, httpOnly: Boolean(attribute('httponly')), sameSite });
  }
}

/** One request. Returns `{url, status, headers, text, json()}`. `path` is sent without normalisation. */
export function send(url, { method = 'GET', headers = {}, body, ca, path, insecure = false } = {}) {
  const target = new URL(url);
  const client = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // `family` because "localhost" may also resolve to ::1, where nothing listens.
    const tls = insecure ? { rejectUnauthorized: false } : { ca };
    const raw = path && { path };
    const request = client.request(target, { method, headers, ...tls, ...raw, family: 4, agent: false, timeout: 30_000 });
    request.on('response', (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode: status, headers: received } = response;
        resolve({ url: target.href, status, headers: received, text, json: () => JSON.parse(text) });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${target}`)));
    request.on('error', reject);
    request.end(body);
  });
}

const siteOf = (from, to) =>
  from.origin === to.origin ? 'same-origin' : from.hostname === to.hostname ? 'same-site' : 'cross-site';

const defaultPath = ({ pathname }) => pathname.slice(0, Math.max(pathname.lastIndexOf('/'), 1));

const unescape = (text) =>
  text.replace(/&(?:amp|lt|gt|quot|#x27|#39|#x2f|#47|#34|#38|#60|#62);/gi, (entity) => ENTITIES[entity.toLowerCase()]);

const ENTITIES = {
  '&amp;': '&', '&#38;': '&', '&lt;': '<', '&#60;': '<', '&gt;': '>', '&#62;': '>',
  '&quot;': '"', '&#34;': '"', '&#x27;': "'", '&#39;': "'", '&#x2f;': '/', '&#47;': '/',
};

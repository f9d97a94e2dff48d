// Every page of the gateway in every language, as examples/pages writes them, behind a small server.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import http from 'node:http';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="40" height="40" rx="8" fill="#7a1f5c"/>' +
  '<path d="M20 8 32 32H8z" fill="#fff"/><text x="48" y="27" font-family="sans-serif" font-size="20" fill="#7a7a7a">Acme</text></svg>';

/** All pages: `{name, language, branded, html, policy}`. `cargo test` has built the example. */
export function everyPage() {
  const built = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/examples/pages');
  const [command, args] = existsSync(built) ? [built, []] : ['cargo', ['run', '--locked', '--quiet', '--example', 'pages']];
  const output = execFileSync(command, args, { cwd: ROOT, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(output.toString());
}

/** Serves the pages with their policy. Returns `{url(page), stop()}`. */
export async function servePages(pages) {
  const path = ({ name, language, branded }) => `/${language}/${branded ? 'brand' : 'plain'}/${name}`;
  const byPath = new Map(pages.map((page) => [path(page), page]));
  const server = http.createServer((request, response) => {
    const page = byPath.get(request.url);
    if (page) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': page.policy });
      response.end(page.html);
    } else if (request.url.startsWith('/ims/brand/logo')) {
      response.writeHead(200, { 'content-type': 'image/svg+xml' });
      response.end(LOGO);
    } else {
      // The browser asks for an icon.
      response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const stop = () => new Promise((stopped) => server.close(stopped).closeAllConnections());
  return { url: (page) => origin + path(page), stop };
}

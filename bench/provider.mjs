// Runs the certified OpenID provider of the end-to-end tests. Prints its address and its client as JSON. For every line on stdin it prints
// the requests since the last line, with their counts. Arguments: the number of people besides those of the tests (`person0` and so on, new
// in each run), then the redirect URIs.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { people } from '../e2e/lib/people.mjs';
import { startProvider } from '../e2e/lib/provider.mjs';

const [count, ...redirectUris] = process.argv.slice(2);
for (let number = 0; number < Number(count); number += 1) {
  const name = `person${number}`;
  people[name] = { ...people.alice, sub: `${randomBytes(12).toString('hex').toUpperCase()}@acme.e`, email: `${name}@example.com` };
}
const { url, clientId, clientSecret, seen } = await startProvider({ redirectUris, keepAlive: 600_000 });
console.log(JSON.stringify({ url, clientId, clientSecret }));
for await (const _ of createInterface({ input: process.stdin })) {
  const asked = {};
  for (const request of seen.splice(0)) asked[request] = (asked[request] ?? 0) + 1;
  console.log(JSON.stringify(asked));
}

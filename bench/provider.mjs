// The certified OpenID provider of the end-to-end tests, for as long as a measurement takes: prints where it listens and
// its client as JSON. Arguments: the redirect URIs.
import { startProvider } from '../e2e/lib/provider.mjs';

const { url, clientId, clientSecret } = await startProvider({ redirectUris: process.argv.slice(2) });
console.log(JSON.stringify({ url, clientId, clientSecret }));

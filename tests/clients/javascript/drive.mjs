// Drives masto.js, unmodified from npm, and prints what it saw as JSON for the test to judge.
//
//   node drive.mjs app URL
//   node drive.mjs token URL CLIENT_ID CLIENT_SECRET CODE
//   node drive.mjs use URL TOKEN_OF_ALICE TOKEN_OF_BOB
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { createOAuthAPIClient, createRestAPIClient, createStreamingAPIClient } from "masto";

const OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob";
const PATIENCE_MS = 10_000;
const [task, url, ...rest] = process.argv.slice(2);

async function app() {
  const { clientId, clientSecret } = await createRestAPIClient({ url }).v1.apps.create({
    clientName: "masto.js",
    redirectUris: OUT_OF_BAND,
    scopes: "read write follow",
  });
  return { clientId, clientSecret };
}

async function token() {
  const [clientId, clientSecret, code] = rest;
  const granted = await createOAuthAPIClient({ url }).token.create({
    grantType: "authorization_code",
    redirectUri: OUT_OF_BAND,
    clientId,
    clientSecret,
    code,
  });
  return { accessToken: granted.accessToken, scope: granted.scope };
}

/** The next events of a subscription, one at a time. masto.js subscribes when somebody begins to listen. */
function ear(subscription) {
  const heard = [];
  (async () => {
    for await (const { event, stream, payload } of subscription) heard.push({ event, stream, payload });
  })();
  return async () => {
    for (const until = Date.now() + PATIENCE_MS; heard.length === 0; await pause(20))
      if (Date.now() > until) throw new Error("nothing was heard");
    return heard.shift();
  };
}

async function use() {
  const [alice, bob] = rest.map((accessToken) => createRestAPIClient({ url, accessToken }));
  const instance = await alice.v2.instance.fetch();
  const me = await alice.v1.accounts.verifyCredentials();
  await bob.v1.accounts.$select(me.id).follow();

  const streamingApiUrl = instance.configuration.urls.streaming;
  const sockets = rest.map((accessToken) => createStreamingAPIClient({ streamingApiUrl, accessToken }));
  await Promise.all(sockets.map((socket) => socket.prepare()));
  const [aliceHears, bobHears, publicHears, tagHears] = [
    sockets[0].user.subscribe(),
    sockets[1].user.subscribe(),
    sockets[1].public.local.subscribe(),
    sockets[1].hashtag.subscribe({ tag: "masto" }),
  ].map(ear);

  const file = new Blob([await readFile(new URL("picture.png", import.meta.url))], { type: "image/png" });
  const media = await alice.v2.media.create({ file, description: "a dot" });
  // Until all subscriptions are known to the server: it does not confirm them.
  await pause(500);
  const status = await alice.v1.statuses.create({
    status: "Hello from #masto",
    visibility: "public",
    mediaIds: [media.id],
  });
  const heard = { home: await bobHears(), public: await publicHears(), tag: await tagHears() };
  await bob.v1.statuses.$select(status.id).favourite();
  do heard.notification = await aliceHears();
  while (heard.notification.event !== "notification" || heard.notification.payload.type !== "favourite");
  await alice.v1.statuses.$select(status.id).update({ status: "Hello again from #masto" });
  heard.edit = await bobHears();

  for (let number = 0; number < 4; number++) await alice.v1.statuses.create({ status: `number ${number}` });
  const pages = [];
  for await (const page of bob.v1.timelines.home.list({ limit: 2 })) {
    if (page.length > 0) pages.push(page.map((one) => one.content));
  }
  const notifications = await alice.v1.notifications.list({ types: ["favourite", "follow"] });
  const found = await bob.v2.search.list({ q: me.acct, type: "accounts" });
  await alice.v1.statuses.$select(status.id).remove();
  do heard.deletion = await bobHears();
  while (heard.deletion.event !== "delete");
  const refusal = await alice.v1.statuses.create({ status: "x".repeat(501) }).catch((error) => error);
  for (const socket of sockets) socket.close();
  return {
    domain: instance.domain,
    version: instance.version,
    me: me.acct,
    media: { type: media.type, description: media.description },
    status,
    heard,
    pages,
    notifications: notifications.map((one) => one.type),
    found: found.accounts.map((one) => one.acct),
    refusal: { status: refusal.statusCode, message: refusal.message },
  };
}

console.log(JSON.stringify(await { app, token, use }[task]()));
process.exit(0);

"use strict";
// Moves the live timeline, words times for people, and finds methods in the reference. No library, no build.

const SHOWN_MAX = 60; // posts that stay on the page: older ones leave at the bottom
const HURRY_MS = 1000;

const relative = new Intl.RelativeTimeFormat("en", { style: "narrow", numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function wordTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    time.title = new Date(time.dateTime).toLocaleString();
    if (Math.abs(seconds) > 6 * 86400) continue;
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
    time.textContent = relative.format(Math.min(0, Math.round(seconds / size)), unit);
  }
}

function draw(status) {
  const post = document.getElementById("post").content.firstElementChild.cloneNode(true);
  const find = (selector) => post.querySelector(selector);
  const account = status.account;
  const name = account.display_name || account.username;
  post.dataset.id = status.id;
  post.setAttribute("aria-label", `Post by ${name}`);
  find(".avatar").src = account.avatar;
  find(".name").href = account.url;
  find("bdi").textContent = name;
  find(".acct").textContent = `@${account.acct}`;
  find(".when").href = status.url;
  find("time").dateTime = status.created_at;
  const content = find(".content");
  content.innerHTML = status.content; // made safe by the server, and the page's policy runs nothing inline
  if (status.language) content.lang = status.language;
  const warning = find(".warning");
  if (status.spoiler_text) warning.firstElementChild.textContent = status.spoiler_text;
  else warning.replaceWith(content);
  drawPictures(find(".media"), status);
  for (const [part, count] of [["replies", status.replies_count], ["reblogs", status.reblogs_count], ["favourites", status.favourites_count]])
    find(`.${part}`).textContent = count;
  wordTimes(post);
  return post;
}

function drawPictures(media, status) {
  if (!status.media_attachments.length) return media.remove();
  media.open = !status.sensitive;
  media.firstElementChild.textContent = status.sensitive ? "Sensitive pictures" : "Pictures";
  for (const attachment of status.media_attachments) {
    const link = document.createElement("a");
    link.href = attachment.url;
    const image = document.createElement("img");
    image.src = attachment.preview_url;
    image.alt = attachment.description || "";
    link.append(image);
    media.lastElementChild.append(link);
  }
}

class Live {
  constructor(feed) {
    this.feed = feed;
    this.state = document.getElementById("live");
    this.wait = HURRY_MS;
    this.listen();
  }

  listen() {
    const source = new EventSource(this.feed.dataset.stream);
    source.addEventListener("open", () => this.opened());
    source.addEventListener("update", (event) => this.add(JSON.parse(event.data)));
    source.addEventListener("status.update", (event) => this.replace(JSON.parse(event.data)));
    source.addEventListener("delete", (event) => this.shown(event.data)?.remove());
    source.addEventListener("error", () => {
      this.say("waiting", "Reconnecting…");
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(() => this.listen(), this.wait * (0.5 + Math.random()));
      this.wait = Math.min(this.wait * 2, 60000);
    });
  }

  async opened() {
    this.say("live", "Live: new posts appear by themselves");
    this.wait = HURRY_MS;
    // What was posted between the page (or the last connection) and now.
    const newest = this.feed.firstElementChild?.dataset.id;
    const query = new URLSearchParams(newest ? { since_id: newest } : {});
    const answer = await fetch(`${this.feed.dataset.more}?${query}`);
    if (answer.ok) for (const status of (await answer.json()).reverse()) this.add(status);
  }

  say(state, words) {
    this.state.dataset.state = state;
    this.state.textContent = words;
  }

  shown(id) {
    return this.feed.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  add(status) {
    if (this.shown(status.id)) return;
    const post = draw(status);
    post.classList.add("new");
    const after = [...this.feed.children].find((other) => BigInt(other.dataset.id) < BigInt(status.id));
    this.feed.insertBefore(post, after || null);
    document.getElementById("empty").hidden = true;
    while (this.feed.children.length > SHOWN_MAX) this.feed.lastElementChild.remove();
  }

  replace(status) {
    this.shown(status.id)?.replaceWith(draw(status));
  }
}

function findMethods(input) {
  const operations = [...document.querySelectorAll(".operation")];
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const one of operations) one.hidden = !words.every((word) => one.dataset.find.toLowerCase().includes(word));
    for (const section of document.querySelectorAll("main section"))
      section.hidden = Boolean(input.value) && !section.querySelector(".operation:not([hidden])");
  });
}

wordTimes(document);
setInterval(() => wordTimes(document), 30000);
const feed = document.querySelector("[data-stream]");
if (feed) new Live(feed);
const find = document.getElementById("find");
if (find) findMethods(find);

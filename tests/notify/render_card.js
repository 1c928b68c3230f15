// Reads Teams messages (a JSON list) on standard input, renders each card with the published library and prints
// for each: the events of parsing and rendering, the text seen, and the addresses of links and buttons.
// Usage: node render_card.js NODE_MODULES
"use strict";
const path = require("path");
const modules = path.resolve(process.argv[2]);
const { JSDOM } = require(path.join(modules, "jsdom"));

const window = new JSDOM("<!doctype html><body></body>").window;
// jsdom has no layout and so no innerText, which the library uses to put text in.
Object.defineProperty(window.HTMLElement.prototype, "innerText", {
  get() { return this.textContent; },
  set(text) { this.textContent = text; },
});
globalThis.window = window;
for (const name of Object.getOwnPropertyNames(window)) {
  if (/^(document|Node|Element|DOMParser|HTML\w*Element)$/.test(name)) globalThis[name] = window[name];
}
const AdaptiveCards = require(path.join(modules, "adaptivecards", "dist", "adaptivecards.js"));
// The library only shows Markdown if something renders it: a plain engine for what Teams honours, so that a text
// that still holds a link or emphasis would show as an element here.
const engine = (text) => text
  .replace(/&(?!#?\w+;)/g, "&amp;")
  .replace(/!?\[([^\]]*)\]\(([^)]*)\)/g, '<a href="$2">$1</a>')
  .replace(/<(https?:[^>]*)>/g, '<a href="$1">$1</a>')
  .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
  .replace(/\*([^*]+)\*/g, "<em>$1</em>")
  .replace(/(^|\W)_([^_]+)_(?=\W|$)/g, "$1<em>$2</em>")
  .replace(/^\s*(?:[-+*]|\d+[.)]) +(.*)$/gm, "<ul><li>$1</li></ul>");
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = engine(text);
  result.didProcess = true;
};

function render(message) {
  const content = message.attachments[0].content;
  const context = new AdaptiveCards.SerializationContext(AdaptiveCards.Versions.v1_5);
  const card = new AdaptiveCards.AdaptiveCard();
  card.parse(content, context);
  const root = card.render();
  const events = Array.from({ length: context.eventCount }, (_, at) => context.getEventAt(at).message);
  const failures = card.validateProperties().validationEvents.map((event) => event.message);
  return {
    events: events.concat(failures),
    text: root ? root.textContent : "",
    links: root ? Array.from(root.querySelectorAll("a[href]"), (one) => one.getAttribute("href")) : [],
    marked: root ? root.querySelectorAll("strong, em, li, img, script, at").length : 0,
    buttons: root ? Array.from(root.querySelectorAll("button"), (one) => one.textContent) : [],
  };
}

let input = "";
process.stdin.setEncoding("utf8").on("data", (part) => { input += part; }).on("end", () => {
  process.stdout.write(JSON.stringify(JSON.parse(input).map(render)));
});

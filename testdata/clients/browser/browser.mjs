// Lets the page beside it be driven, in a real browser: one JSON object a line
// in, one out.
//
//   node browser.mjs            (CHROMIUM=… names the program, if it is not in PATH)
//
// The page has an origin of its own: the host of the API with another port.
// That is another origin, so CORS rules; and the same site, so that cookies
// with SameSite=Lax are sent. Cookies know no ports, so each client has a
// browser context of its own.
import {spawn} from 'node:child_process';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

const FILES = {'/': 'index.html', '/page.mjs': '', '/http.mjs': '', '/wedia.mjs': '', '/saymon.mjs': ''};
const DOES = {wedia: ['login', 'call', 'refresh', 'logout'], saymon: ['login', 'call', 'logout']};
const PROGRAMS = process.env.CHROMIUM ? [process.env.CHROMIUM] : ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--no-default-browser-check',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions',
  '--disable-dev-shm-usage', '--remote-debugging-pipe',
];

/** Serves the page; resolves with the port. */
async function serve() {
  const server = createServer(async (request, response) => {
    const {pathname} = new URL(request.url, 'http://page');
    if (!(pathname in FILES)) return response.writeHead(404).end();
    const name = FILES[pathname] || pathname.slice(1);
    response.setHeader('Content-Type', name.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8');
    response.end(await readFile(new URL(name, import.meta.url)));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {port: server.address().port, close: () => (server.closeAllConnections(), server.close())};
}

/** A browser, spoken to over two pipes: it ends when they close, whatever becomes of this process. */
class Browser {
  #process;
  #waiting = new Map();
  #listeners = new Set();
  #last = 0;

  static async start(profile) {
    for (const program of PROGRAMS) {
      const browser = new Browser();
      if (await browser.#spawn(program, profile)) return browser;
    }
    throw new Error(`no browser: ${PROGRAMS.join(', ')} cannot be started; CHROMIUM=… names another program`);
  }

  async #spawn(program, profile) {
    const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
    const started = await new Promise((resolve) => child.once('spawn', () => resolve(true)).once('error', () => resolve(false)));
    if (!started) return false;
    this.#process = child;
    this.ended = new Promise((resolve) => child.once('exit', resolve));
    this.ended.then(() => this.#fail(new Error('the browser has ended')));
    child.stdio[3].on('error', () => {});
    let parts = [];
    child.stdio[4].on('error', () => {}).on('data', (data) => {
      for (let end; (end = data.indexOf(0)) >= 0; data = data.subarray(end + 1)) {
        const message = JSON.parse(Buffer.concat([...parts, data.subarray(0, end)]).toString());
        parts = [];
        this.#take(message);
      }
      if (data.length) parts.push(data);
    });
    await this.call('Browser.getVersion');
    return true;
  }

  #take({id, result, error, method, params, sessionId}) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`the browser says: ${error.message}`));
    else if (waiting) waiting.resolve(result);
    else for (const listener of this.#listeners) listener(method, params, sessionId);
  }

  #fail(error) {
    for (const {reject} of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  call(method, params = {}, sessionId) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject});
      this.#process.stdio[3].write(`${JSON.stringify({id, method, params, sessionId})}\0`);
    });
  }

  async close() {
    const late = setTimeout(() => this.#process.kill('SIGKILL'), 1500);
    this.call('Browser.close').catch(() => {});
    await this.ended;
    clearTimeout(late);
  }
}

/** The page in a browser context of its own: no cookie of another client is there. */
class Page {
  static async open(browser, url) {
    const page = new Page();
    page.browser = browser;
    page.context = (await browser.call('Target.createBrowserContext')).browserContextId;
    const {targetId} = await browser.call('Target.createTarget', {url: 'about:blank', browserContextId: page.context});
    page.session = (await browser.call('Target.attachToTarget', {targetId, flatten: true})).sessionId;
    await page.call('Runtime.enable');
    await page.call('Page.enable');
    const loaded = new Promise((resolve) => (page.off = browser.on((method, _, session) => method === 'Page.loadEventFired' && session === page.session && resolve())));
    await page.call('Page.navigate', {url});
    await loaded;
    page.off();
    page.url = url;
    return page;
  }

  call(method, params) {
    return this.browser.call(method, params, this.session);
  }

  async run(expression) {
    const {result, exceptionDetails} = await this.call('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
    if (exceptionDetails) throw new Error(`the page failed: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  close() {
    return this.browser.call('Target.disposeBrowserContext', {browserContextId: this.context});
  }
}

let browser, server, page, spare, trouble;

/** A new page; the one after it is opened meanwhile, as that takes a while. */
async function open(url) {
  const ready = await spare;
  const opened = ready?.url === url ? ready : await Page.open(browser, url);
  if (ready && ready !== opened) await ready.close();
  spare = Page.open(browser, url).catch(() => null);
  return opened;
}

const profile = await mkdtemp(join(tmpdir(), 'page-driver-'));

async function start({system}) {
  try {
    [browser, server] = await Promise.all([Browser.start(profile), serve()]);
    spare = Page.open(browser, `http://127.0.0.1:${server.port}/`).catch(() => null);
    // What the page prints, anybody at the computer can read.
    browser.on((method, params) => {
      if (method === 'Runtime.consoleAPICalled') console.error(...params.args.map(({value, description}) => value ?? description));
      if (method === 'Runtime.exceptionThrown') console.error(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    });
  } catch (error) {
    trouble = error; // told at the first run: a start has no answer for it
  }
  return {ready: true, protocol: 1, client: {name: 'browser-example', version: '1.0.0', language: 'JavaScript'}, does: DOES[system] ?? ['login', 'call', 'logout'], systems: Object.keys(DOES)};
}

async function run({seq, system, new: fresh, origin, base_url: base, kind, account, steps, deadline_ms: deadline}) {
  if (!DOES[system]) return {seq, skipped: {message: `there is no page for ${system}`}};
  try {
    if (trouble) throw trouble;
    if (fresh) {
      await page?.close();
      page = await open(`http://${new URL(origin).hostname}:${server.port}/`);
      await page.run(`clients.make(${JSON.stringify(system)}, ${JSON.stringify(base)})`);
    }
    const results = [];
    const timeout = Math.min(10_000, deadline / (steps.length + 2));
    const who = kind === 'application' ? {application: account.name, login: account.key, password: account.secret} : {login: account.login, password: account.password};
    for (const step of steps) results.push(await page.run(`clients.step(${JSON.stringify(step)}, ${JSON.stringify(who)}, ${timeout})`));
    return {seq, steps: results};
  } catch (error) {
    return {seq, errored: {message: error.message}};
  }
}

async function end() {
  await browser?.close();
  server?.close();
  await rm(profile, {recursive: true, force: true, maxRetries: 5});
  process.exit();
}

process.once('SIGTERM', end).once('SIGINT', end);
for await (const line of createInterface({input: process.stdin})) {
  const message = JSON.parse(line);
  if (message.cmd === 'stop') break;
  process.stdout.write(`${JSON.stringify(await (message.cmd === 'start' ? start(message) : run(message)))}\n`);
}
await end();

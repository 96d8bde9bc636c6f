// Lets the clients beside it be driven: one JSON object a line in, one out.
//
//   node driver.mjs
import {createInterface} from 'node:readline';
import {CrmCom} from './crmcom.mjs';
import {JMapCloud, JMapServer} from './jmap.mjs';
import {Saymon} from './saymon.mjs';
import {Wedia} from './wedia.mjs';

// What each step calls.
const systems = {
  'jmap-server': {
    make: (run) => new JMapServer(run.base_url),
    login: (c, {account}) => c.login(account.username, account.password),
    call: (c) => c.projects(),
    logout: (c) => c.logout(),
    resume: (c, _, step) => c.setToken(step.token),
  },
  'jmap-cloud': {
    make: (run) => new JMapCloud(run.base_url),
    login: (c, {account}) => c.login(account.email, account.password),
    call: (c) => c.self(),
    refresh: (c) => c.refresh(),
    logout: (c) => c.logout(),
    resume: (c, _, step) => c.setToken(step.token),
  },
  wedia: {
    make: (run) => new Wedia(run.base_url),
    login: (c, {account, kind}) =>
      c.signIn(kind === 'application' ? {application: account.name, login: account.key, password: account.secret} : {login: account.login, password: account.password}),
    call: (c) => c.whoAmI(),
    refresh: (c) => c.refresh(),
    logout: (c) => c.signOut(),
  },
  saymon: {
    make: (run) => new Saymon(run.base_url),
    login: (c, {account}) => c.login(account.login, account.password),
    call: (c) => c.currentUser(),
    logout: (c) => c.logout(),
  },
  crmcom: {
    make: (run) => new CrmCom(run.base_url, {releases: run.settings.tokenRelease === true}),
    login: (c, {account, kind}) =>
      c.login(kind === 'key' ? {webApiKey: account.value} : {username: account.username, password: account.password, organisation: account.organisations[0]}),
    call: (c) => c.contact(),
    refresh: (c) => c.refresh(),
    logout: (c) => c.logout(),
  },
};

let system, client;

async function step(run, {do: action, parallel = 1, ...rest}) {
  const once = async () => {
    try {
      await system[action](client, run, rest);
      return {ok: true};
    } catch (error) {
      return {ok: false, error: {code: error.code || undefined, http: error.status || undefined, message: error.message, login: error.login || undefined}};
    }
  };
  if (parallel === 1) return once();
  const each = await Promise.all(Array.from({length: parallel}, once));
  return {ok: each.every(({ok}) => ok), each};
}

async function answer(message) {
  if (message.cmd === 'start') {
    system = systems[message.system];
    const does = Object.keys(system ?? {login: 0, call: 0, logout: 0}).filter((name) => name !== 'make');
    return {ready: true, protocol: 1, client: {name: 'node-example', version: '1.0.0', language: 'JavaScript'}, does, systems: Object.keys(systems)};
  }
  const {seq, steps} = message;
  if (!system) return {seq, skipped: {message: `there is no client for ${message.system}`}};
  try {
    if (message.new) client = system.make(message);
    client.timeout = Math.min(10_000, message.deadline_ms / (steps.length + 1));
    const results = [];
    for (const one of steps) results.push(await step(message, one));
    return {seq, steps: results};
  } catch (error) {
    return {seq, errored: {message: String(error.message || error)}};
  }
}

for await (const line of createInterface({input: process.stdin})) {
  const message = JSON.parse(line);
  if (message.cmd === 'stop') break;
  process.stdout.write(`${JSON.stringify(await answer(message))}\n`);
}
process.stdin.destroy();

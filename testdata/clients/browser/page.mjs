// Puts the clients into the page: behind its form, for people, and as
// `clients`, for the driver.
import {Saymon} from './saymon.mjs';
import {Wedia} from './wedia.mjs';

const systems = {wedia: Wedia, saymon: Saymon};
let client;

globalThis.clients = {
  make(system, base) {
    client = new systems[system](base);
  },
  async step({do: action, parallel = 1}, who, timeout) {
    client.timeout = timeout;
    const once = async () => {
      try {
        await client[action](who);
        return {ok: true};
      } catch (error) {
        return {ok: false, error: {code: error.code || undefined, http: error.status || undefined, message: error.message, login: error.login || undefined}};
      }
    };
    if (parallel === 1) return once();
    const each = await Promise.all(Array.from({length: parallel}, once));
    return {ok: each.every(({ok}) => ok), each};
  },
};

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const {system, base, login, password} = Object.fromEntries(new FormData(event.target));
  const action = event.submitter.value;
  if (action === 'login') globalThis.clients.make(system, base);
  event.target.querySelector('output').textContent = client
    ? JSON.stringify(await globalThis.clients.step({do: action}, {login, password}, 10_000))
    : 'Log in first.';
});

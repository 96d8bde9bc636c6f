// SAYMON with its session cookie, which the browser keeps and sends.
import {exchange, SessionError} from './http.mjs';

export class Saymon {
  #session = null; // an object per login; null: nobody is logged in

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  async login({login, password}) {
    await this.#send('POST', '/users/session', {login, password});
    this.#session = {};
  }

  async call() {
    const session = this.#session;
    if (!session) throw new SessionError('nobody is logged in', {login: true});
    try {
      return await this.#send('GET', '/users/current');
    } catch (error) {
      if (error.status !== 401) throw error;
      // SAYMON has nothing to renew a session with.
      if (this.#session === session) this.#session = null;
      throw new SessionError(error.message, {code: error.code, status: 401, login: true, cause: error});
    }
  }

  /** Logs out. The cookies stay if this fails; they are not used until the next login. */
  async logout() {
    if (!this.#session) return;
    this.#session = null;
    await this.#send('DELETE', '/users/session');
  }

  async #send(method, path, body) {
    // Where CSRF protection is on, the header repeats a cookie. A page can read
    // that only on the API's own host (the port does not matter).
    const csrf = method === 'GET' ? undefined : /(?:^|;\s*)csrf=([^;]*)/.exec(document.cookie)?.[1];
    const answer = await exchange(this.base + path, {
      method,
      timeout: this.timeout,
      headers: {...(body && {'Content-Type': 'application/json'}), ...(csrf && {'x-csrf-token': csrf})},
      body: body && JSON.stringify(body),
    });
    if (answer.status >= 200 && answer.status < 300) return answer.text === '' ? undefined : answer.json();
    throw refusal(answer);
  }
}

// {code, message} with a message that mostly holds JSON again; or, for CSRF
// alone, {errorCode, message}.
function refusal(answer) {
  let body = {};
  try {
    body = answer.json() ?? {};
  } catch {
    // The status says enough.
  }
  let text = String(body.message ?? '');
  try {
    text = String(JSON.parse(text).message ?? text);
  } catch {
    // Plain text.
  }
  return new SessionError(`SAYMON refused: ${answer.status} ${text.slice(0, 200)}`.trim(), {
    code: String(body.code ?? body.errorCode ?? ''),
    status: answer.status,
  });
}

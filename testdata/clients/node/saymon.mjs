// SAYMON with a session cookie, and the header against CSRF where the server
// has given out the cookie for it.
import {Jar} from './cookies.mjs';
import {exchange, SessionError} from './http.mjs';

export class Saymon {
  #jar = null; // null: nobody is logged in

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  /** Logs in, and returns the session id; requests show it by cookie. */
  async login(login, password) {
    const jar = new Jar();
    const id = await this.#send(jar, 'POST', '/users/session', {login, password});
    if (!jar.value(`${this.base}/users/session`, 'sid')) throw new SessionError('the answer to the login has no session cookie', {status: 200});
    this.#jar = jar;
    return id;
  }

  async currentUser() {
    const jar = this.#jar;
    if (!jar) throw new SessionError('nobody is logged in', {login: true});
    try {
      return await this.#send(jar, 'GET', '/users/current');
    } catch (error) {
      if (error.status !== 401) throw error;
      // SAYMON has nothing to renew a session with.
      if (this.#jar === jar) this.#jar = null;
      throw new SessionError(error.message, {code: error.code, status: 401, login: true, cause: error});
    }
  }

  /** Logs out. The cookies are dropped, even if the server does not take it. */
  async logout() {
    const jar = this.#jar;
    this.#jar = null;
    if (jar) await this.#send(jar, 'DELETE', '/users/session');
  }

  async #send(jar, method, path, body) {
    const url = this.base + path;
    const csrf = method === 'GET' ? undefined : jar.value(url, 'csrf');
    const answer = await exchange(url, {
      method,
      jar,
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

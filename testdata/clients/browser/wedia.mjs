// WEDIA in cookie mode: both tokens are in cookies that no script can read. The
// browser keeps and sends them; this only knows whether somebody is signed in.
import {exchange, Renewal, SessionError} from './http.mjs';

export class Wedia {
  #session = null; // an object per sign-in; null: nobody is signed in

  #renewal = new Renewal(async () => {
    const session = this.#signedIn();
    try {
      await this.#send('/api/rest/token', {cookieauth: 'true'});
    } catch (error) {
      // 400: no refresh token came, as the browser has dropped its cookie or keeps it back.
      throw error.status === 401 || error.status === 400 ? this.#over(session, error) : error;
    }
  });

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  /** @param {{login: string, password: string, application?: string}} who an application signs in with key and secret */
  async login(who) {
    await this.#send('/api/rest/signin', {...who, cookieauth: 'true'});
    this.#session = {};
  }

  async call() {
    const mark = this.#renewal.mark();
    this.#signedIn();
    try {
      return await this.#send('/api/rest/whoami');
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    await this.#renewal.since(mark);
    const session = this.#signedIn();
    try {
      return await this.#send('/api/rest/whoami');
    } catch (error) {
      throw error.status === 401 ? this.#over(session, error) : error;
    }
  }

  /** Renews the access token. However many ask at the same time, it is asked for once. */
  refresh() {
    return this.#renewal.now();
  }

  /** Signs out. Only the server can take the cookies away: if this fails, they stay until they expire. */
  async logout() {
    if (!this.#session) return;
    this.#session = null;
    await this.#send('/api/rest/signout', {});
  }

  async #send(path, form) {
    // A form needs no preflight, and a GET without headers of its own neither.
    const answer = await exchange(this.base + path, {timeout: this.timeout, ...(form && {method: 'POST', body: new URLSearchParams(form)})});
    const ok = answer.status >= 200 && answer.status < 300;
    let body;
    try {
      body = answer.json();
    } catch (error) {
      throw ok ? error : new SessionError(`WEDIA refused: ${answer.status}`, {status: answer.status});
    }
    // Some installations refuse with status 200: the member error decides.
    if (ok && !body?.error) return body;
    const code = String(body?.error ?? '');
    const status = ok ? Number(code.split('/')[0]) || answer.status : answer.status;
    throw new SessionError(`WEDIA refused: ${code || status} ${String(body?.message ?? '').slice(0, 200)}`, {code, status});
  }

  #signedIn() {
    if (!this.#session) throw new SessionError('nobody is signed in', {login: true});
    return this.#session;
  }

  #over(session, error) {
    if (this.#session === session) this.#session = null;
    return new SessionError('the session is over; sign in again', {code: error.code, status: error.status, login: true, cause: error});
  }
}

// WEDIA in cookie mode: both tokens travel in cookies, and are seen by nobody
// but the jar.
import {Jar} from './cookies.mjs';
import {exchange, SessionError, singleFlight} from './http.mjs';

export class Wedia {
  #jar = new Jar();
  #signedIn = 0; // counts sign-ins; 0: nobody is
  #renewed = 0; // counts refreshes, so that a call knows whether one came between

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  /** @param {{login: string, password: string, application?: string}} who an application signs in with key and secret */
  async signIn(who) {
    this.#jar.clear();
    await this.#send('/api/rest/signin', {method: 'POST', body: new URLSearchParams({...who, cookieauth: 'true'})});
    this.#signedIn++;
  }

  async whoAmI() {
    const answer = await this.#call('/api/rest/whoami');
    return answer.response?.data;
  }

  /** Renews the access token. However many ask at the same time, it is asked for once. */
  refresh = singleFlight(async () => {
    this.#check();
    try {
      await this.#send('/api/rest/token', {method: 'POST', body: new URLSearchParams({cookieauth: 'true'})});
      this.#renewed++;
    } catch (error) {
      // 400: the refresh token is not even there any more.
      if (error.status !== 401 && error.status !== 400) throw error;
      this.#forget();
      throw over(error);
    }
  });

  /** Signs out. The cookies are dropped, even if the server does not take it. */
  async signOut() {
    if (!this.#signedIn) return;
    const jar = this.#jar;
    this.#forget();
    await this.#send('/api/rest/signout', {method: 'POST', body: new URLSearchParams()}, jar);
  }

  async #call(path) {
    this.#check();
    const jar = this.#jar, seen = this.#renewed;
    try {
      return await this.#send(path, {}, jar);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    if (jar === this.#jar && seen === this.#renewed) await this.refresh();
    this.#check();
    try {
      return await this.#send(path);
    } catch (error) {
      throw error.status === 401 ? over(error) : error;
    }
  }

  async #send(path, options = {}, jar = this.#jar) {
    const answer = await exchange(this.base + path, {timeout: this.timeout, jar, ...options});
    const ok = answer.status >= 200 && answer.status < 300;
    let body;
    try {
      body = answer.json();
    } catch (error) {
      throw ok ? error : new SessionError(`WEDIA refused: ${answer.status}`, {status: answer.status});
    }
    // Some installations refuse with status 200: the member error decides. It
    // begins with the status that is meant.
    if (ok && !body?.error) return body;
    const code = String(body?.error ?? '');
    const status = ok ? Number(code.split('/')[0]) || answer.status : answer.status;
    throw new SessionError(`WEDIA refused: ${code || status} ${String(body?.message ?? '').slice(0, 200)}`, {code, status});
  }

  #check() {
    if (!this.#signedIn) throw new SessionError('nobody is signed in', {login: true});
  }

  // A new jar and not an empty one: what is still under way must not fill it.
  #forget() {
    this.#jar = new Jar();
    this.#signedIn = 0;
  }
}

const over = (error) => new SessionError('the session is over; sign in again', {code: error.code, status: error.status, login: true, cause: error});

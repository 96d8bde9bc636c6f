// A cookie jar for one client, by RFC 6265bis. The attributes that protect a
// user from pages of other sites (SameSite, HttpOnly) mean nothing here: there
// are no pages.

export class Jar {
  #cookies = new Map();

  /** Keeps the cookies of an answer from url. */
  keep(url, setCookies, now = Date.now()) {
    const at = new URL(url);
    for (const line of setCookies) {
      const cookie = parse(line, at, now);
      if (!cookie) continue;
      const key = [cookie.name, cookie.domain, cookie.path].join('\0');
      if (cookie.until <= now) {
        this.#cookies.delete(key);
      } else {
        this.#cookies.set(key, {...cookie, made: this.#cookies.get(key)?.made ?? now});
      }
    }
  }

  /** The header Cookie for a request to url; '' if there is none to send. */
  header(url, now = Date.now()) {
    return this.#matching(url, now).map(({name, value}) => (name ? `${name}=${value}` : value)).join('; ');
  }

  /** The value of a cookie that would be sent to url. */
  value(url, name, now = Date.now()) {
    return this.#matching(url, now).find((cookie) => cookie.name === name)?.value;
  }

  clear() {
    this.#cookies.clear();
  }

  #matching(url, now) {
    const {hostname, pathname, protocol} = new URL(url);
    return [...this.#cookies.values()]
      .filter((c) => c.until > now && (!c.secure || protocol === 'https:'))
      .filter((c) => (c.hostOnly ? hostname === c.domain : domainMatches(hostname, c.domain)))
      .filter((c) => pathMatches(pathname, c.path))
      .sort((a, b) => b.path.length - a.path.length || a.made - b.made);
  }
}

function parse(line, at, now) {
  const [pair, ...rest] = line.split(';');
  const cut = pair.indexOf('=');
  const name = cut < 0 ? '' : pair.slice(0, cut).trim();
  const value = pair.slice(cut + 1).trim();
  if ((!name && !value) || name.length + value.length > 4096 || /[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return null;

  // The last attribute of a name counts; names know no case.
  const attributes = new Map();
  for (const text of rest) {
    const [key, ...words] = text.split('=');
    const word = words.join('=').trim();
    if (word.length <= 1024) attributes.set(key.trim().toLowerCase(), word);
  }

  let until = Infinity;
  const age = attributes.get('max-age');
  if (age !== undefined && /^-?\d+$/.test(age)) {
    until = Number(age) <= 0 ? -Infinity : now + Number(age) * 1000;
  } else if (attributes.has('expires')) {
    until = cookieDate(attributes.get('expires')) ?? Infinity;
  }

  let domain = at.hostname, hostOnly = true;
  const wanted = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase();
  if (wanted && wanted !== at.hostname) {
    // Without a list of public suffixes, a name without a dot is taken for one.
    if (!domainMatches(at.hostname, wanted) || !wanted.includes('.')) return null;
    domain = wanted;
  }
  if (wanted && !isAddress(at.hostname)) hostOnly = false;

  let path = attributes.get('path') ?? '';
  if (!path.startsWith('/')) path = at.pathname.slice(0, Math.max(1, at.pathname.lastIndexOf('/')));

  const secure = attributes.has('secure');
  if (secure && at.protocol !== 'https:') return null;
  const prefix = name.toLowerCase();
  if (prefix.startsWith('__secure-') && !secure) return null;
  if (prefix.startsWith('__host-') && !(secure && hostOnly && attributes.get('path') === '/')) return null;
  return {name, value, domain, hostOnly, path, secure, until};
}

const isAddress = (host) => host.startsWith('[') || /^[\d.]+$/.test(host);

const domainMatches = (host, domain) => host === domain || (host.endsWith(`.${domain}`) && !isAddress(host));

const pathMatches = (path, prefix) =>
  path === prefix || (path.startsWith(prefix) && (prefix.endsWith('/') || path[prefix.length] === '/'));

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

// The forgiving date of RFC 6265bis, section 5.1.1; undefined if it is none.
function cookieDate(text) {
  let time, day, month, year;
  for (const token of text.split(/[\t\x20-\x2f;-@[-`{-~]+/).filter(Boolean)) {
    let match;
    if (!time && (match = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?!\d)/.exec(token))) time = match.slice(1).map(Number);
    else if (day === undefined && (match = /^\d{1,2}(?!\d)/.exec(token))) day = Number(match[0]);
    else if (month === undefined && MONTHS.includes(token.slice(0, 3).toLowerCase())) month = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
    else if (year === undefined && (match = /^\d{2,4}(?!\d)/.exec(token))) year = Number(match[0]);
  }
  if (year >= 70 && year <= 99) year += 1900;
  if (year >= 0 && year <= 69) year += 2000;
  if (!time || !day || month === undefined || !(year >= 1601) || day > 31 || time[0] > 23 || time[1] > 59 || time[2] > 59) return undefined;
  return Date.UTC(year, month, day, ...time);
}
